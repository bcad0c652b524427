package hb

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// What is removed is what lies in the range and may go.
func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var x Index[int]
	type thing struct {
		addr uint64
		n    int
	}
	var all []thing
	for i := range 20_000 {
		// A few pages, the last of the address space among them.
		addr := r.Uint64N(5<<indexPage) - 2<<indexPage
		if r.IntN(3) > 0 {
			x.Add(addr, i)
			all = append(all, thing{addr, i})
			continue
		}
		size := r.Uint64N(1 << (1 + r.IntN(indexPage+3)))
		if r.IntN(100) == 0 {
			size = math.MaxUint64
		}
		var got, want []int
		x.Remove(addr, size, func(n int) bool {
			got = append(got, n)
			return n%3 > 0
		})
		all = slices.DeleteFunc(all, func(a thing) bool {
			// Subtraction tells the place in the range, which may end with the address space.
			if in := a.addr >= addr && a.addr-addr < size; !in {
				return false
			}
			want = append(want, a.n)
			return a.n%3 > 0
		})
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("in %d bytes at %#x: %v, want %v", size, addr, got, want)
		}
	}
}
