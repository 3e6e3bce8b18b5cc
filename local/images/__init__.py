"""The images of the embedded cluster's pods, assembled from built binaries and Debian packages."""
