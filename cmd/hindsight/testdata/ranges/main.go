// Command ranges reads and writes bytes and ranges of bytes at random. After each
// synchronization it says what it has read and written since the last one.
package main

import (
	"fmt"
	"math/rand/v2"
)

const (
	size     = 48
	segments = 400
	accesses = 60
)

// v is what is read and written, other is what is copied from and to.
var (
	v     [size]byte
	other [size]byte
	sum   byte
)

func main() {
	rng := rand.New(rand.NewPCG(1, 2))
	c := make(chan int, segments)
	for i := range segments {
		var read, written [size]bool
		at := rng.IntN(size)
		for range 1 + rng.IntN(accesses) {
			from := at + rng.IntN(size-at)
			to := from + 1 + rng.IntN(size-from)
			set := &read
			switch rng.IntN(5) {
			case 0, 1:
				to = from + 1
				sum += v[from]
			case 2:
				copy(other[:], v[from:to])
			case 3:
				set, to = &written, from+1
				v[from] = byte(i)
			default:
				set = &written
				copy(v[from:to], other[:])
			}
			for k := from; k < to; k++ {
				set[k] = true
			}
		}
		c <- i // a release
		fmt.Print("segment")
		for k := range size {
			fmt.Printf(" %t %t", read[k], written[k])
		}
		fmt.Println()
	}
}
