package main

import (
	"context"
	"log"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"

	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// registrar answers kubelet, which finds the socket in its plugins_registry and asks there which driver it belongs to.
// kubelet looks anew when it starts again.
type registrar struct {
	registration.UnimplementedRegistrationServer
	endpoint   string
	registered atomic.Bool
}

func (r *registrar) listen(kubelet string) (net.Listener, error) {
	for _, directory := range []string{filepath.Join(kubelet, "plugins_registry"), filepath.Dir(r.endpoint)} {
		if err := os.MkdirAll(directory, 0o750); err != nil {
			return nil, err
		}
	}
	return listen(filepath.Join(kubelet, "plugins_registry", driverName+"-reg.sock"))
}

func (r *registrar) serve(listener net.Listener) error {
	server := grpc.NewServer()
	registration.RegisterRegistrationServer(server, r)
	return server.Serve(listener)
}

func (r *registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              driverName,
		Endpoint:          r.endpoint,
		SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (r *registrar) NotifyRegistrationStatus(
	_ context.Context, status *registration.RegistrationStatus,
) (*registration.RegistrationStatusResponse, error) {
	if !status.PluginRegistered {
		// kubelet does not ask again; a new process is a new socket, which it does ask.
		log.Fatalf("kubelet refused the driver: %s", status.Error)
	}
	r.registered.Store(true)
	log.Print("kubelet has registered the driver")
	return &registration.RegistrationStatusResponse{}, nil
}
