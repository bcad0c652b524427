package recording

// An extent bounds the memory that large accesses may touch. A record of a few
// bytes can name 4 GB, which the analysis would remember word by word.
type extent struct {
	pages map[uint64]struct{}
}

const (
	extentPage = 4096
	maxExtent  = 512 << 20 / extentPage // pages
)

// add reports whether the access or run of accesses o fits. What lies within
// two pages always does: that much memory a recording of its size may name.
func (x *extent) add(o *op) bool {
	size := o.size
	step := uint64(extentPage)
	if o.n > 1 {
		size = uint64(o.slot) * uint64(o.n-1)
		step = max(step, uint64(o.slot))
	}
	if size <= extentPage {
		return true
	}
	if size/step > maxExtent {
		return false // nor does it use up what others may touch
	}
	if x.pages == nil {
		x.pages = make(map[uint64]struct{})
	}
	for at := uint64(0); at < size; at += step {
		page := (o.addr + at) / extentPage
		if _, ok := x.pages[page]; ok {
			continue
		}
		if len(x.pages) == maxExtent {
			return false
		}
		x.pages[page] = struct{}{}
	}
	return true
}
