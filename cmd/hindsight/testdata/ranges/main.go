// Command ranges reads and writes bytes and ranges of bytes at random. After each
// synchronization it says of each byte whether it has read it since the last one (r), whether it
// did so before it wrote it (R), and whether it wrote it (w). Its argument is how many times.
package main

import (
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
)

const (
	size     = 48
	places   = 8
	apart    = 4 << 10
	accesses = 150
)

// v and some bytes of far are what is read and written, other is what is copied from and to.
var (
	v     [size]byte
	far   [places * apart]byte
	other [size]byte
	sum   byte
)

// seen is what has been done to a byte.
type seen struct{ read, first, written bool }

func (s *seen) reads() {
	s.read = true
	s.first = s.first || !s.written
}

func main() {
	segments, _ := strconv.Atoi(os.Args[1])
	rng := rand.New(rand.NewPCG(1, 2))
	c := make(chan int, segments)
	var mu sync.Mutex
	var out []byte
	for i := range segments {
		if i > segments/2 { // from now on there is much synchronization
			for range 200 {
				mu.Lock()
				mu.Unlock()
			}
		}
		var all [size + places]seen
		at := rng.IntN(size)
		for range 1 + rng.IntN(accesses) {
			from := at + rng.IntN(size-at)
			to := from + 1 + rng.IntN(size-from)
			switch rng.IntN(7) {
			case 0:
				to = from + 1
				sum += v[from]
				all[from].reads()
			case 1, 2:
				copy(other[:], v[from:to])
				for k := from; k < to; k++ {
					all[k].reads()
				}
			case 3:
				for k := from; k < to; k++ {
					v[k] = byte(i)
					all[k].written = true
				}
			case 4:
				copy(v[from:to], other[:])
				for k := from; k < to; k++ {
					all[k].written = true
				}
			case 5:
				k := rng.IntN(places)
				far[k*apart] = byte(i)
				all[size+k].written = true
			default:
				k := rng.IntN(places)
				sum += far[k*apart]
				all[size+k].reads()
			}
		}
		c <- i // a release
		for _, s := range all {
			word := " "
			if s.read {
				word += "r"
			}
			if s.first {
				word += "R"
			}
			if s.written {
				word += "w"
			}
			out = append(out, word+"-"...)
		}
		out = append(out, '\n')
	}
	os.Stdout.Write(out)
}
