// Command csi-driver gives the embedded cluster volumes, clones and snapshots on one btrfs file system.
//
//	csi-driver controller   makes and removes volumes and snapshots; one at a time
//	csi-driver node         mounts volumes into the pods of a node, and registers with its kubelet
//	csi-driver probe        asks a running driver whether it is ready; the exit code is the answer
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const driverName = "btrfs.csi.tts-platform.local"

// driverVersion is set when the driver is built.
var driverVersion = "0.0.0"

func main() {
	log.SetFlags(log.LstdFlags | log.Lmsgprefix)
	if len(os.Args) < 2 {
		log.Fatal("write csi-driver controller, node or probe")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	socket := flags.String("socket", "/csi/csi.sock", "where the driver listens")
	root := flags.String("pool", "/var/lib/volumes", "where the btrfs file system is mounted")
	node := flags.String("node", "", "name of the node")
	kubelet := flags.String("kubelet", "/var/lib/kubelet", "kubelet's directory")
	_ = flags.Parse(os.Args[2:])

	var err error
	switch os.Args[1] {
	case "controller":
		err = runController(*socket, *root)
	case "node":
		err = runNode(*socket, *root, *node, *kubelet)
	case "probe":
		err = probe(*socket)
	default:
		err = fmt.Errorf("there is no command %q: write controller, node or probe", os.Args[1])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func runController(socket, root string) error {
	pool, err := openPool(root)
	if err != nil {
		return err
	}
	if err := pool.own(); err != nil {
		return err
	}
	server := newServer()
	csi.RegisterIdentityServer(server, &identity{pool: pool, ready: func() bool { return true }})
	csi.RegisterControllerServer(server, &controller{pool: pool})
	return serve(server, socket)
}

func runNode(socket, root, name, kubelet string) error {
	if name == "" {
		return errors.New("--node is missing")
	}
	pool, err := openPool(root)
	if err != nil {
		return err
	}
	registrar := &registrar{endpoint: socket}
	registration, err := registrar.listen(kubelet)
	if err != nil {
		return err
	}
	server := newServer()
	csi.RegisterIdentityServer(server, &identity{pool: pool, ready: registrar.registered.Load})
	csi.RegisterNodeServer(server, &node{pool: pool, name: name})
	go func() {
		if err := registrar.serve(registration); err != nil {
			log.Fatal(err)
		}
	}()
	return serve(server, socket)
}

func newServer() *grpc.Server {
	return grpc.NewServer(grpc.UnaryInterceptor(logged))
}

// logged writes a line for every call that changes something or fails.
func logged(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	started := time.Now()
	response, err := handler(ctx, request)
	if err != nil {
		if _, ok := status.FromError(err); !ok {
			err = status.Error(codes.Internal, err.Error())
		}
		log.Printf("%s: %v", info.FullMethod, err)
	} else if changes(request) {
		log.Printf("%s: %v (%v)", info.FullMethod, request, time.Since(started).Round(time.Millisecond))
	}
	return response, err
}

func changes(request any) bool {
	switch request.(type) {
	case *csi.CreateVolumeRequest, *csi.DeleteVolumeRequest, *csi.ControllerExpandVolumeRequest,
		*csi.CreateSnapshotRequest, *csi.DeleteSnapshotRequest,
		*csi.NodePublishVolumeRequest, *csi.NodeUnpublishVolumeRequest:
		return true
	}
	return false
}

// serve answers at the socket until the process is told to end, and finishes what it has begun.
func serve(server *grpc.Server, socket string) error {
	listener, err := listen(socket)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		server.GracefulStop()
	}()
	log.Printf("%s %s listens at %s", driverName, driverVersion, socket)
	return server.Serve(listener)
}

// listen takes the place of a socket that a killed driver has left.
func listen(socket string) (net.Listener, error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", socket)
}

func probe(socket string) error {
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	answer, err := csi.NewIdentityClient(connection).Probe(ctx, &csi.ProbeRequest{})
	if err != nil {
		return err
	}
	if !answer.GetReady().GetValue() {
		return errors.New("the driver is not ready yet")
	}
	return nil
}
