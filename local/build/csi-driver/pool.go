package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	volumesDirectory   = "volumes"
	snapshotsDirectory = "snapshots"
	// A name that begins so is something half made or half removed, and counts for nothing.
	unfinished = "."
)

// errFull says that the pool cannot promise so many bytes.
var errFull = errors.New("the pool is full")

// pool is one btrfs file system. Each volume and each snapshot is a directory with a subvolume, data, and what is known
// of it, meta.json. Both are made under another name: a directory that has its own name is whole.
type pool struct {
	root string
	// Every change is made alone; reading needs no lock.
	mutex sync.Mutex
	// Held as long as it is open, by one process of all.
	lock *os.File
}

// volume is what a volume's meta.json says.
type volume struct {
	Name     string `json:"name"`
	Capacity int64  `json:"capacity"`
	// What the volume was made from, if it did not begin empty.
	FromSnapshot string `json:"fromSnapshot,omitempty"`
	FromVolume   string `json:"fromVolume,omitempty"`
}

// snapshot is what a snapshot's meta.json says.
type snapshot struct {
	Name   string `json:"name"`
	Volume string `json:"volume"`
	// The volume's capacity: a volume made from the snapshot has no less.
	Capacity int64 `json:"capacity"`
	// Bytes that the snapshot may keep from being freed.
	Used    int64     `json:"used"`
	Created time.Time `json:"created"`
}

func openPool(root string) (*pool, error) {
	p := &pool{root: root}
	return p, p.check()
}

// check refuses to take an empty directory for the pool.
func (p *pool) check() error {
	var stat unix.Statfs_t
	if err := unix.Statfs(p.root, &stat); err != nil {
		return fmt.Errorf("%s: %w", p.root, err)
	}
	if stat.Type != unix.BTRFS_SUPER_MAGIC {
		return fmt.Errorf("no btrfs file system is mounted at %s", p.root)
	}
	return nil
}

// own makes this process the only one that changes the pool, and removes what another one has left unfinished.
func (p *pool) own() error {
	for _, directory := range []string{volumesDirectory, snapshotsDirectory} {
		if err := os.MkdirAll(filepath.Join(p.root, directory), 0o755); err != nil {
			return err
		}
	}
	var err error
	if p.lock, err = os.OpenFile(filepath.Join(p.root, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := unix.Flock(int(p.lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	for _, directory := range []string{volumesDirectory, snapshotsDirectory} {
		entries, err := os.ReadDir(filepath.Join(p.root, directory))
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), unfinished) {
				log.Printf("removing %s/%s, which was left unfinished", directory, entry.Name())
				if err := p.discard(filepath.Join(p.root, directory, entry.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// volumeData is where a volume's files are.
func (p *pool) volumeData(id string) string {
	return filepath.Join(p.root, volumesDirectory, id, "data")
}

// volume returns nil where there is none of that id.
func (p *pool) volume(id string) (*volume, error) {
	return read[volume](p, volumesDirectory, id)
}

// snapshot returns nil where there is none of that id.
func (p *pool) snapshot(id string) (*snapshot, error) {
	return read[snapshot](p, snapshotsDirectory, id)
}

func read[T any](p *pool, directory, id string) (*T, error) {
	// An id comes from outside: it must not lead elsewhere.
	if id == "" || strings.HasPrefix(id, unfinished) || strings.ContainsRune(id, '/') {
		return nil, nil
	}
	content, err := os.ReadFile(filepath.Join(p.root, directory, id, "meta.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	found := new(T)
	if err := json.Unmarshal(content, found); err != nil {
		return nil, fmt.Errorf("%s/%s: %w", directory, id, err)
	}
	return found, nil
}

// ids lists what is whole, in the order of its names.
func (p *pool) ids(directory string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(p.root, directory))
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), unfinished) {
			found = append(found, entry.Name())
		}
	}
	slices.Sort(found)
	return found, nil
}

// free returns how many bytes can still be promised: those that neither a volume may fill nor a snapshot may hold.
func (p *pool) free() (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(p.root, &stat); err != nil {
		return 0, err
	}
	// A sixteenth is for btrfs's own trees.
	left := int64(stat.Blocks) * stat.Bsize / 16 * 15
	volumes, err := p.ids(volumesDirectory)
	if err != nil {
		return 0, err
	}
	for _, id := range volumes {
		if found, err := p.volume(id); err != nil {
			return 0, err
		} else if found != nil {
			left -= found.Capacity
		}
	}
	snapshots, err := p.ids(snapshotsDirectory)
	if err != nil {
		return 0, err
	}
	for _, id := range snapshots {
		if found, err := p.snapshot(id); err != nil {
			return 0, err
		} else if found != nil {
			left -= found.Used
		}
	}
	return max(left, 0), nil
}

func (p *pool) reserve(bytes int64) error {
	left, err := p.free()
	if err != nil {
		return err
	}
	if bytes > left {
		return fmt.Errorf("%w: %d bytes are wanted and %d are left", errFull, bytes, left)
	}
	return nil
}

// createVolume makes an empty volume, or one with what another volume or a snapshot holds.
func (p *pool) createVolume(id string, wanted volume) error {
	if err := p.reserve(wanted.Capacity); err != nil {
		return err
	}
	return p.make(volumesDirectory, id, func(staging string) error {
		data := filepath.Join(staging, "data")
		var err error
		switch {
		case wanted.FromSnapshot != "":
			err = snapshotSubvolume(filepath.Join(p.root, snapshotsDirectory, wanted.FromSnapshot, "data"), data, false)
		case wanted.FromVolume != "":
			err = snapshotSubvolume(p.volumeData(wanted.FromVolume), data, false)
		default:
			err = createSubvolume(data)
		}
		if err != nil {
			return err
		}
		if err := limitSubvolume(data, wanted.Capacity); err != nil {
			return err
		}
		return write(filepath.Join(staging, "meta.json"), wanted)
	})
}

// growVolume sets a new limit, which counts at once, also for a pod that writes.
func (p *pool) growVolume(id string, found volume, capacity int64) error {
	if err := p.reserve(capacity - found.Capacity); err != nil {
		return err
	}
	if err := limitSubvolume(p.volumeData(id), capacity); err != nil {
		return err
	}
	found.Capacity = capacity
	meta := filepath.Join(p.root, volumesDirectory, id, "meta.json")
	if err := write(meta+".new", found); err != nil {
		return err
	}
	if err := os.Rename(meta+".new", meta); err != nil {
		return err
	}
	return p.sync()
}

// createSnapshot keeps what a volume holds at one moment.
func (p *pool) createSnapshot(id string, wanted snapshot) (*snapshot, error) {
	// What programs have written before is in the snapshot even where they did not wait for the disk.
	if err := p.sync(); err != nil {
		return nil, err
	}
	err := p.make(snapshotsDirectory, id, func(staging string) error {
		data := filepath.Join(staging, "data")
		if err := snapshotSubvolume(p.volumeData(wanted.Volume), data, true); err != nil {
			return err
		}
		wanted.Created = time.Now()
		var err error
		if wanted.Used, err = usage(data, true); err != nil {
			return err
		}
		if err := p.reserve(wanted.Used); err != nil {
			return err
		}
		return write(filepath.Join(staging, "meta.json"), wanted)
	})
	return &wanted, err
}

// make fills a directory under another name and gives it its own when it is whole and on the disk.
func (p *pool) make(directory, id string, fill func(staging string) error) error {
	parent := filepath.Join(p.root, directory)
	staging := filepath.Join(parent, unfinished+"new-"+id)
	if err := p.discard(staging); err != nil {
		return err
	}
	if err := os.Mkdir(staging, 0o755); err != nil {
		return err
	}
	err := fill(staging)
	if err == nil {
		err = os.Rename(staging, filepath.Join(parent, id))
	}
	if err != nil {
		return errors.Join(err, p.discard(staging))
	}
	return p.sync()
}

// remove is fine where there is nothing of that id.
func (p *pool) remove(directory, id string) error {
	parent := filepath.Join(p.root, directory)
	removed := filepath.Join(parent, unfinished+"old-"+id)
	if err := p.discard(removed); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(parent, id), removed); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return p.discard(removed)
}

// discard removes a directory with its subvolume; btrfs frees the space soon after.
func (p *pool) discard(directory string) error {
	data := filepath.Join(directory, "data")
	if _, err := os.Stat(data); err == nil {
		if _, err := btrfs("subvolume", "delete", "--commit-after", data); err != nil {
			// A pod can have made subvolumes of its own within: those go as directories do.
			log.Printf("removing %s file by file: %v", data, err)
		}
	}
	return os.RemoveAll(directory)
}

// sync returns when all that was written to the pool is on the disk.
func (p *pool) sync() error {
	root, err := os.Open(p.root)
	if err != nil {
		return err
	}
	defer root.Close()
	return unix.Syncfs(int(root.Fd()))
}

func write(file string, meta any) error {
	content, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(content, '\n'), 0o644)
}

// device tells subvolumes apart: each has a device number of its own.
func device(path string) (uint64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Sys().(*syscall.Stat_t).Dev, nil
}
