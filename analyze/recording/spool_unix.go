//go:build unix

package recording

import (
	"os"
	"syscall"
)

// A spoolFile is a temporary file without a name, mapped block by block.
type spoolFile struct {
	f    *os.File
	size int64
	maps [][]byte
}

// newSpoolFile returns nil if there cannot be one.
func newSpoolFile() *spoolFile {
	f, err := os.CreateTemp("", "hindsight-chunks-")
	if err != nil {
		return nil
	}
	os.Remove(f.Name())
	return &spoolFile{f: f}
}

// block maps another block at the file's end; nil if the disk is full.
func (s *spoolFile) block() []byte {
	// Written rather than only extended: a mapped page that the disk has no
	// room for would be a fault.
	var zero [1 << 16]byte
	for off := int64(0); off < spoolBlock; off += int64(len(zero)) {
		if _, err := s.f.WriteAt(zero[:], s.size+off); err != nil {
			return nil
		}
	}
	b, err := syscall.Mmap(int(s.f.Fd()), s.size, spoolBlock, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil
	}
	s.size += spoolBlock
	s.maps = append(s.maps, b)
	return b
}

func (s *spoolFile) close() {
	for _, b := range s.maps {
		syscall.Munmap(b)
	}
	s.f.Close()
}
