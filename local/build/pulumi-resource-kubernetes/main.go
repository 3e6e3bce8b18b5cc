// Command pulumi-resource-kubernetes serves the Pulumi Kubernetes provider.
//
// The provider's own main embeds a generated schema that its Go module does not carry. The engine asks for the schema
// only to generate SDKs and documentation, so name and version are enough to serve resources.
package main

import (
	"fmt"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

func main() {
	schema := fmt.Appendf(nil, `{"name":"kubernetes","version":%q}`, version.Version)
	provider.Serve("kubernetes", version.Version, schema, []byte(`{}`))
}
