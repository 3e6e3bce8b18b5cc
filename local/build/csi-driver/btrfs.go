package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// btrfs runs the program of btrfs-progs. It is not ended with the call that wanted it: what it does is soon done, and
// the same call made again finds it done.
func btrfs(arguments ...string) (string, error) {
	command := exec.Command("btrfs", arguments...)
	var out, problem bytes.Buffer
	command.Stdout, command.Stderr = &out, &problem
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("btrfs %s: %w: %s", strings.Join(arguments, " "), err, strings.TrimSpace(problem.String()))
	}
	return out.String(), nil
}

func createSubvolume(path string) error {
	_, err := btrfs("subvolume", "create", path)
	return err
}

// snapshotSubvolume makes a subvolume with what another one holds at one moment.
func snapshotSubvolume(source, path string, readOnly bool) error {
	arguments := []string{"subvolume", "snapshot"}
	if readOnly {
		arguments = append(arguments, "-r")
	}
	_, err := btrfs(append(arguments, source, path)...)
	return err
}

// limitSubvolume refuses writes with which the subvolume would hold more than so many bytes.
func limitSubvolume(path string, bytes int64) error {
	_, err := btrfs("qgroup", "limit", strconv.FormatInt(bytes, 10), path)
	return err
}

// usage returns how many bytes a subvolume holds, shared ones included.
func usage(path string, sync bool) (int64, error) {
	arguments := []string{"qgroup", "show", "--raw", "-f"}
	if sync {
		arguments = append(arguments, "--sync")
	}
	out, err := btrfs(append(arguments, path)...)
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(out, "\n") {
		// 0/256   104841216   16384   name
		if columns := strings.Fields(line); len(columns) > 1 && strings.HasPrefix(columns[0], "0/") {
			return strconv.ParseInt(columns[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("btrfs counts nothing for %s: are quotas on?", path)
}
