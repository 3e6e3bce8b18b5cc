// Command gpu-device-plugin advertises pretend GPUs to a kubelet, so that requests, limits, taints and scheduling take
// the path that they take on a real GPU node: kubelet's device manager hands them out one by one.
//
// The device plugin itself is the one that Kubernetes' own node tests use. It mounts nothing into a container and
// registers again when kubelet restarts.
package main

import (
	"flag"
	"fmt"
	"os"

	"k8s.io/klog/v2"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	plugin "k8s.io/kubernetes/pkg/kubelet/cm/devicemanager/plugin/v1beta1"
)

func main() {
	resource := flag.String("resource", "nvidia.com/gpu", "extended resource to advertise")
	count := flag.Int("count", 4, "how many devices the node has")
	flag.Parse()

	devices := make([]*pluginapi.Device, *count)
	for i := range devices {
		devices[i] = &pluginapi.Device{ID: fmt.Sprintf("pretend-gpu-%d", i), Health: pluginapi.Healthy}
	}
	socket := pluginapi.DevicePluginPath + "pretend-gpu.sock"
	stub := plugin.NewDevicePluginStub(devices, socket, *resource, false, false)
	stub.SetAllocFunc(allocate)
	if err := stub.Start(); err != nil {
		klog.ErrorS(err, "The device plugin cannot listen", "socket", socket)
		os.Exit(1)
	}
	if err := stub.Register(pluginapi.KubeletSocket, *resource, pluginapi.DevicePluginPath); err != nil {
		klog.ErrorS(err, "kubelet refused the device plugin")
		os.Exit(1)
	}
	stub.Watch(pluginapi.KubeletSocket, *resource, pluginapi.DevicePluginPath)
}

// allocate tells the container which devices are its own, as NVIDIA's plugin does, and gives it nothing else.
func allocate(r *pluginapi.AllocateRequest, _ map[string]*pluginapi.Device) (*pluginapi.AllocateResponse, error) {
	response := &pluginapi.AllocateResponse{}
	for _, request := range r.ContainerRequests {
		container := &pluginapi.ContainerAllocateResponse{Envs: map[string]string{}}
		for i, id := range request.DevicesIds {
			container.Envs[fmt.Sprintf("PRETEND_GPU_%d", i)] = id
		}
		response.ContainerResponses = append(response.ContainerResponses, container)
	}
	return response, nil
}
