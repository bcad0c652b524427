package recording

import "runtime"

// A spool keeps the chunks of a recording: the first in memory, the rest in an
// unnamed temporary file that is mapped into memory, so that the system can
// take the pages back when it is short of them. Where no file can be had, all
// stays in memory.
type spool struct {
	block []byte // what is left of the last block
	kept  int    // bytes of blocks so far
	file  *spoolFile
}

const (
	spoolBlock  = 16 << 20
	spoolMemory = 64 << 20 // bytes kept in memory proper
)

// add stores a copy of b and returns it.
func (s *spool) add(b []byte) []byte {
	if len(b) > len(s.block) {
		s.block = s.grow()
	}
	n := copy(s.block, b)
	out := s.block[:n:n]
	s.block = s.block[n:]
	return out
}

func (s *spool) grow() []byte {
	s.kept += spoolBlock
	if s.kept > spoolMemory {
		if s.file == nil {
			if s.file = newSpoolFile(); s.file != nil {
				runtime.SetFinalizer(s.file, (*spoolFile).close)
			}
		}
		if s.file != nil {
			if b := s.file.block(); b != nil {
				return b
			}
		}
	}
	return make([]byte, spoolBlock)
}
