package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// node mounts volumes where kubelet wants them for a pod.
type node struct {
	csi.UnimplementedNodeServer
	pool *pool
	name string
}

func (n *node) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: n.name}, nil
}

func (n *node) NodeGetCapabilities(
	context.Context, *csi.NodeGetCapabilitiesRequest,
) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{Capabilities: []*csi.NodeServiceCapability{
		{Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{
			Type: csi.NodeServiceCapability_RPC_GET_VOLUME_STATS,
		}}},
	}}, nil
}

func (n *node) NodePublishVolume(
	_ context.Context, request *csi.NodePublishVolumeRequest,
) (*csi.NodePublishVolumeResponse, error) {
	if request.VolumeId == "" || request.TargetPath == "" || request.VolumeCapability == nil {
		return nil, status.Error(codes.InvalidArgument, "the volume's id, its capability or the target is missing")
	}
	if err := checkCapabilities([]*csi.VolumeCapability{request.VolumeCapability}); err != nil {
		return nil, err
	}
	found, err := n.pool.volume(request.VolumeId)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, status.Errorf(codes.NotFound, "there is no volume %s", request.VolumeId)
	}
	source, target := n.pool.volumeData(request.VolumeId), request.TargetPath
	if err := os.MkdirAll(target, 0o750); err != nil {
		return nil, err
	}
	readOnly := request.Readonly || onlyRead(request.VolumeCapability)
	mounted, err := isMounted(source, target)
	if err != nil {
		return nil, err
	}
	if mounted {
		var stat unix.Statfs_t
		if err := unix.Statfs(target, &stat); err != nil {
			return nil, err
		}
		if stat.Flags&unix.ST_RDONLY != 0 && !readOnly {
			return nil, status.Errorf(codes.AlreadyExists, "the volume is mounted read-only at %s", target)
		}
	} else if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return nil, &fs.PathError{Op: "mount", Path: target, Err: err}
	}
	// Also where it is mounted already: a driver that was killed here has left it writable.
	if readOnly {
		if err := makeReadOnly(target); err != nil {
			return nil, err
		}
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

func onlyRead(capability *csi.VolumeCapability) bool {
	switch capability.GetAccessMode().GetMode() {
	case csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY, csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY:
		return true
	}
	return false
}

// makeReadOnly needs a mount of its own: a bind mount takes its source's flags.
func makeReadOnly(target string) error {
	return unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

func isMounted(source, target string) (bool, error) {
	here, err := device(source)
	if err != nil {
		return false, err
	}
	there, err := device(target)
	return here == there, err
}

func (n *node) NodeUnpublishVolume(
	_ context.Context, request *csi.NodeUnpublishVolumeRequest,
) (*csi.NodeUnpublishVolumeResponse, error) {
	if request.VolumeId == "" || request.TargetPath == "" {
		return nil, status.Error(codes.InvalidArgument, "the volume's id or the target is missing")
	}
	for {
		err := unix.Unmount(request.TargetPath, unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			// Nothing is mounted there any more.
			break
		}
		if err != nil {
			return nil, &fs.PathError{Op: "unmount", Path: request.TargetPath, Err: err}
		}
	}
	// Not RemoveAll: were it still mounted, the volume's files would go.
	if err := os.Remove(request.TargetPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

func (n *node) NodeGetVolumeStats(
	_ context.Context, request *csi.NodeGetVolumeStatsRequest,
) (*csi.NodeGetVolumeStatsResponse, error) {
	if request.VolumeId == "" || request.VolumePath == "" {
		return nil, status.Error(codes.InvalidArgument, "the volume's id or its path is missing")
	}
	found, err := n.pool.volume(request.VolumeId)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, status.Errorf(codes.NotFound, "there is no volume %s", request.VolumeId)
	}
	source := n.pool.volumeData(request.VolumeId)
	if mounted, err := isMounted(source, request.VolumePath); err != nil || !mounted {
		return nil, status.Errorf(codes.NotFound, "volume %s is not mounted at %s", request.VolumeId, request.VolumePath)
	}
	used, err := usage(source, false)
	if err != nil {
		return nil, err
	}
	return &csi.NodeGetVolumeStatsResponse{Usage: []*csi.VolumeUsage{{
		Unit:      csi.VolumeUsage_BYTES,
		Total:     found.Capacity,
		Used:      used,
		Available: max(found.Capacity-used, 0),
	}}}, nil
}
