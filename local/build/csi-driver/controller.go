package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	defaultCapacity = 1 << 30
	// Less has no room for a file beside the subvolume's own trees.
	minimumCapacity = 1 << 20
)

// controller makes and removes volumes and snapshots.
type controller struct {
	csi.UnimplementedControllerServer
	pool *pool
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// idOf is the same for the same name, so that a call made again finds what the first one made.
func idOf(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

func (c *controller) ControllerGetCapabilities(
	context.Context, *csi.ControllerGetCapabilitiesRequest,
) (*csi.ControllerGetCapabilitiesResponse, error) {
	response := &csi.ControllerGetCapabilitiesResponse{}
	for _, kind := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
		csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
		csi.ControllerServiceCapability_RPC_EXPAND_VOLUME,
		csi.ControllerServiceCapability_RPC_GET_CAPACITY,
	} {
		response.Capabilities = append(response.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: kind}},
		})
	}
	return response, nil
}

func (c *controller) CreateVolume(
	_ context.Context, request *csi.CreateVolumeRequest,
) (*csi.CreateVolumeResponse, error) {
	if request.Name == "" {
		return nil, status.Error(codes.InvalidArgument, "the name is missing")
	}
	if err := checkCapabilities(request.VolumeCapabilities); err != nil {
		return nil, err
	}
	if err := checkParameters(request.Parameters); err != nil {
		return nil, err
	}
	c.pool.mutex.Lock()
	defer c.pool.mutex.Unlock()
	wanted := volume{Name: request.Name}
	smallest, err := c.source(request.VolumeContentSource, &wanted)
	if err != nil {
		return nil, err
	}
	id := idOf(request.Name)
	found, err := c.pool.volume(id)
	if err != nil {
		return nil, err
	}
	if found != nil {
		if !sameVolume(*found, wanted, request.CapacityRange) {
			return nil, status.Errorf(codes.AlreadyExists, "volume %s is there with another size or source", request.Name)
		}
		return createdVolume(id, *found, request.VolumeContentSource), nil
	}
	if wanted.Capacity, err = capacity(request.CapacityRange, smallest); err != nil {
		return nil, err
	}
	if err := c.pool.createVolume(id, wanted); err != nil {
		return nil, orExhausted(err)
	}
	return createdVolume(id, wanted, request.VolumeContentSource), nil
}

// source notes what the volume is made from, and returns how large it must be for that.
func (c *controller) source(source *csi.VolumeContentSource, wanted *volume) (int64, error) {
	if id := source.GetSnapshot().GetSnapshotId(); id != "" {
		found, err := c.pool.snapshot(id)
		if err != nil {
			return 0, err
		}
		if found == nil {
			return 0, status.Errorf(codes.NotFound, "there is no snapshot %s", id)
		}
		wanted.FromSnapshot = id
		return found.Capacity, nil
	}
	if id := source.GetVolume().GetVolumeId(); id != "" {
		found, err := c.pool.volume(id)
		if err != nil {
			return 0, err
		}
		if found == nil {
			return 0, status.Errorf(codes.NotFound, "there is no volume %s", id)
		}
		wanted.FromVolume = id
		return found.Capacity, nil
	}
	if source != nil {
		return 0, status.Error(codes.InvalidArgument, "the source is neither a snapshot nor a volume")
	}
	return 0, nil
}

func sameVolume(found, wanted volume, bounds *csi.CapacityRange) bool {
	if found.FromSnapshot != wanted.FromSnapshot || found.FromVolume != wanted.FromVolume {
		return false
	}
	limit := bounds.GetLimitBytes()
	return found.Capacity >= bounds.GetRequiredBytes() && (limit == 0 || found.Capacity <= limit)
}

// capacity is what is asked for, or else the least that will do.
func capacity(bounds *csi.CapacityRange, smallest int64) (int64, error) {
	required, limit := bounds.GetRequiredBytes(), bounds.GetLimitBytes()
	if required < 0 || limit < 0 {
		return 0, status.Error(codes.InvalidArgument, "a size is negative")
	}
	if limit > 0 && required > limit {
		return 0, status.Errorf(codes.InvalidArgument, "%d bytes at least and %d at most cannot be", required, limit)
	}
	if required == 0 {
		required = max(smallest, defaultCapacity)
		if limit > 0 && smallest <= limit {
			required = min(required, limit)
		}
	}
	if required < smallest {
		return 0, status.Errorf(codes.OutOfRange, "%d bytes are less than the source's %d", required, smallest)
	}
	required = max(required, minimumCapacity)
	if limit > 0 && required > limit {
		return 0, status.Errorf(codes.OutOfRange, "at least %d bytes are needed, and at most %d allowed", required, limit)
	}
	return required, nil
}

func createdVolume(id string, v volume, source *csi.VolumeContentSource) *csi.CreateVolumeResponse {
	return &csi.CreateVolumeResponse{
		Volume: &csi.Volume{VolumeId: id, CapacityBytes: v.Capacity, ContentSource: source},
	}
}

// checkCapabilities takes every access mode: the pool is in all nodes. Only file systems are served.
func checkCapabilities(capabilities []*csi.VolumeCapability) error {
	if len(capabilities) == 0 {
		return status.Error(codes.InvalidArgument, "the volume's capabilities are missing")
	}
	for _, capability := range capabilities {
		if capability.GetBlock() != nil {
			return status.Error(codes.InvalidArgument, "a volume here is a file system, no block device")
		}
		if fsType := capability.GetMount().GetFsType(); fsType != "" && fsType != "btrfs" {
			return status.Errorf(codes.InvalidArgument, "a volume here is btrfs, not %s", fsType)
		}
		if len(capability.GetMount().GetMountFlags()) > 0 {
			return status.Error(codes.InvalidArgument, "mount options are those of the whole pool")
		}
	}
	return nil
}

// checkParameters refuses what would be ignored.
func checkParameters(parameters map[string]string) error {
	for name := range parameters {
		if !strings.HasPrefix(name, "csi.storage.k8s.io/") {
			return status.Errorf(codes.InvalidArgument, "there is no parameter %s", name)
		}
	}
	return nil
}

func orExhausted(err error) error {
	if errors.Is(err, errFull) {
		return status.Error(codes.ResourceExhausted, err.Error())
	}
	return err
}

func (c *controller) DeleteVolume(
	_ context.Context, request *csi.DeleteVolumeRequest,
) (*csi.DeleteVolumeResponse, error) {
	if err := c.remove(volumesDirectory, request.VolumeId); err != nil {
		return nil, err
	}
	return &csi.DeleteVolumeResponse{}, nil
}

func (c *controller) DeleteSnapshot(
	_ context.Context, request *csi.DeleteSnapshotRequest,
) (*csi.DeleteSnapshotResponse, error) {
	if err := c.remove(snapshotsDirectory, request.SnapshotId); err != nil {
		return nil, err
	}
	return &csi.DeleteSnapshotResponse{}, nil
}

func (c *controller) remove(directory, id string) error {
	if id == "" {
		return status.Error(codes.InvalidArgument, "the id is missing")
	}
	if !plainName.MatchString(id) {
		// No id of ours looks like that, so there is nothing of that id.
		return nil
	}
	c.pool.mutex.Lock()
	defer c.pool.mutex.Unlock()
	return c.pool.remove(directory, id)
}

func (c *controller) ControllerExpandVolume(
	_ context.Context, request *csi.ControllerExpandVolumeRequest,
) (*csi.ControllerExpandVolumeResponse, error) {
	if request.VolumeId == "" || request.CapacityRange == nil {
		return nil, status.Error(codes.InvalidArgument, "the volume's id or the size is missing")
	}
	c.pool.mutex.Lock()
	defer c.pool.mutex.Unlock()
	found, err := c.pool.volume(request.VolumeId)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, status.Errorf(codes.NotFound, "there is no volume %s", request.VolumeId)
	}
	wanted := request.CapacityRange.RequiredBytes
	if limit := request.CapacityRange.LimitBytes; limit > 0 && max(wanted, found.Capacity) > limit {
		return nil, status.Errorf(codes.OutOfRange, "the volume has %d bytes already", found.Capacity)
	}
	if wanted > found.Capacity {
		if err := c.pool.growVolume(request.VolumeId, *found, wanted); errors.Is(err, errFull) {
			// What the specification has for a size that cannot be had.
			return nil, status.Error(codes.OutOfRange, err.Error())
		} else if err != nil {
			return nil, err
		}
	}
	return &csi.ControllerExpandVolumeResponse{CapacityBytes: max(wanted, found.Capacity)}, nil
}

func (c *controller) CreateSnapshot(
	_ context.Context, request *csi.CreateSnapshotRequest,
) (*csi.CreateSnapshotResponse, error) {
	if request.Name == "" || request.SourceVolumeId == "" {
		return nil, status.Error(codes.InvalidArgument, "the name or the volume's id is missing")
	}
	if err := checkParameters(request.Parameters); err != nil {
		return nil, err
	}
	c.pool.mutex.Lock()
	defer c.pool.mutex.Unlock()
	id := idOf(request.Name)
	found, err := c.pool.snapshot(id)
	if err != nil {
		return nil, err
	}
	if found != nil {
		if found.Volume != request.SourceVolumeId {
			return nil, status.Errorf(codes.AlreadyExists, "snapshot %s is there, of volume %s", request.Name, found.Volume)
		}
		return &csi.CreateSnapshotResponse{Snapshot: described(id, *found)}, nil
	}
	source, err := c.pool.volume(request.SourceVolumeId)
	if err != nil {
		return nil, err
	}
	if source == nil {
		return nil, status.Errorf(codes.NotFound, "there is no volume %s", request.SourceVolumeId)
	}
	wanted := snapshot{Name: request.Name, Volume: request.SourceVolumeId, Capacity: source.Capacity}
	made, err := c.pool.createSnapshot(id, wanted)
	if err != nil {
		return nil, orExhausted(err)
	}
	return &csi.CreateSnapshotResponse{Snapshot: described(id, *made)}, nil
}

// described is ready to use at once: nothing is copied or uploaded.
func described(id string, s snapshot) *csi.Snapshot {
	return &csi.Snapshot{
		SnapshotId:     id,
		SourceVolumeId: s.Volume,
		SizeBytes:      s.Capacity,
		CreationTime:   timestamppb.New(s.Created),
		ReadyToUse:     true,
	}
}

func (c *controller) ListSnapshots(
	_ context.Context, request *csi.ListSnapshotsRequest,
) (*csi.ListSnapshotsResponse, error) {
	if request.MaxEntries < 0 {
		return nil, status.Error(codes.InvalidArgument, "the number of entries is negative")
	}
	ids, err := c.pool.ids(snapshotsDirectory)
	if err != nil {
		return nil, err
	}
	if request.StartingToken != "" {
		// A token is the first id of the page.
		first, ok := slices.BinarySearch(ids, request.StartingToken)
		if !ok {
			return nil, status.Errorf(codes.Aborted, "%s is no token, or its snapshot is gone", request.StartingToken)
		}
		ids = ids[first:]
	}
	response := &csi.ListSnapshotsResponse{}
	for _, id := range ids {
		found, err := c.pool.snapshot(id)
		if err != nil {
			return nil, err
		}
		if found == nil || request.SnapshotId != "" && request.SnapshotId != id ||
			request.SourceVolumeId != "" && request.SourceVolumeId != found.Volume {
			continue
		}
		if request.MaxEntries > 0 && len(response.Entries) == int(request.MaxEntries) {
			response.NextToken = id
			break
		}
		response.Entries = append(response.Entries, &csi.ListSnapshotsResponse_Entry{Snapshot: described(id, *found)})
	}
	return response, nil
}

func (c *controller) GetCapacity(
	_ context.Context, request *csi.GetCapacityRequest,
) (*csi.GetCapacityResponse, error) {
	if len(request.VolumeCapabilities) > 0 && checkCapabilities(request.VolumeCapabilities) != nil {
		return &csi.GetCapacityResponse{}, nil
	}
	left, err := c.pool.free()
	if err != nil {
		return nil, err
	}
	return &csi.GetCapacityResponse{AvailableCapacity: left}, nil
}

func (c *controller) ValidateVolumeCapabilities(
	_ context.Context, request *csi.ValidateVolumeCapabilitiesRequest,
) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if request.VolumeId == "" || len(request.VolumeCapabilities) == 0 {
		return nil, status.Error(codes.InvalidArgument, "the volume's id or its capabilities are missing")
	}
	found, err := c.pool.volume(request.VolumeId)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, status.Errorf(codes.NotFound, "there is no volume %s", request.VolumeId)
	}
	for _, err := range []error{checkCapabilities(request.VolumeCapabilities), checkParameters(request.Parameters)} {
		if err != nil {
			return &csi.ValidateVolumeCapabilitiesResponse{Message: status.Convert(err).Message()}, nil
		}
	}
	return &csi.ValidateVolumeCapabilitiesResponse{
		Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
			VolumeContext:      request.VolumeContext,
			VolumeCapabilities: request.VolumeCapabilities,
			Parameters:         request.Parameters,
		},
	}, nil
}
