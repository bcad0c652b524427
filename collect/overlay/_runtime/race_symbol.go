// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

// Definitions: a trace explains itself. The first time that a pc, a name, a
// type or a global variable is about to be used by a record, its definition is
// written ahead. What is defined already is remembered in bitmaps, so that this
// costs a bit test. A chunk that is lost takes definitions with it; then the
// analyzer shows a number instead of a name.

package runtime

import (
	"internal/abi"
	"internal/goarch"
	"internal/runtime/atomic"
	"internal/stringslite"
	"unsafe"
)

// racebits is a bitmap that is only ever added to.
type racebits struct {
	p uintptr
	n uintptr // bits
}

func (b *racebits) init(n uintptr) {
	p := sysAlloc((n+63)/64*8, &memstats.other_sys, "race names")
	if p == nil {
		throw("hindsight: out of memory")
	}
	b.p, b.n = uintptr(p), n
}

func (b *racebits) free() {
	p, n := b.p, b.n
	b.p, b.n = 0, 0
	if n != 0 {
		sysFree(unsafe.Pointer(p), (n+63)/64*8, &memstats.other_sys)
	}
}

// set sets bit i and reports whether it was clear. Bits out of range are set.
func (b *racebits) set(i uintptr) bool {
	if i >= b.n {
		return false
	}
	w := (*uint8)(unsafe.Pointer(b.p + i/8))
	m := uint8(1) << (i % 8)
	if atomic.Load8(w)&m != 0 {
		return false
	}
	atomic.Or8(w, m)
	return true
}

func (b *racebits) clear(i uintptr) {
	if i < b.n {
		atomic.And8((*uint8)(unsafe.Pointer(b.p+i/8)), ^(uint8(1) << (i % 8)))
	}
}

//go:nosplit
func (b *racebits) has(i uintptr) bool {
	return i < b.n && *(*uint8)(unsafe.Pointer(b.p + i/8))&(1<<(i%8)) != 0
}

var (
	racepcs     racebits // by distance from the text's start
	raceruntime racebits // the same: pcs in the allocator and its like
	racefuncs   racebits // by place in funcnametab
	racefiles   racebits // by place in filetab
	racetypes   racebits // by distance from the types' start, in words
	racevars    racebits // by index in racevartab
	raceuntolds racebits // by distance from the text's start: functions that do not tell of calls
	racepages   racebits // pages of data and bss, one bit per 8 bytes: looked up already
)

// raceuntoldUnit is how functions are aligned, at least: one bit in raceuntolds.
const raceuntoldUnit = 16

func raceinitsymbols() {
	md := &firstmoduledata
	racepcs.init(raceetext - racetext)
	raceruntime.init(raceetext - racetext)
	racefuncs.init(uintptr(len(md.funcnametab)))
	racefiles.init(uintptr(len(md.filetab)))
	racetypes.init((md.etypes - md.types) / goarch.PtrSize)
	racepages.init((racedataend - racedatastart + 7) / 8)
	raceuntolds.init((raceetext-racetext)/raceuntoldUnit + 1)
	for i := range len(md.ftab) - 1 {
		f := funcInfo{(*_func)(unsafe.Pointer(&md.pclntable[md.ftab[i].funcoff])), md}
		name := funcname(f)
		if !stringslite.HasPrefix(name, "sync.") && !stringslite.HasPrefix(name, "sync/atomic.") && !stringslite.HasPrefix(name, "internal/sync.") {
			continue
		}
		for o := uintptr(md.ftab[i].entryoff); o < uintptr(md.ftab[i+1].entryoff); o += raceuntoldUnit {
			raceuntolds.set(o / raceuntoldUnit)
		}
	}
	racestorepc = abi.FuncPCABIInternal(sync_atomic_StorePointer)
	raceswappc = abi.FuncPCABIInternal(sync_atomic_SwapPointer)
	racecaspc = abi.FuncPCABIInternal(sync_atomic_CompareAndSwapPointer)
}

// racefreesymbols gives back the memory: nobody records.
func racefreesymbols() {
	for _, b := range [...]*racebits{
		&racepcs, &raceruntime, &racefuncs, &racefiles, &racetypes, &racevars, &raceuntolds, &racepages,
	} {
		b.free()
	}
}

// symbol defines the return pc pc: the frames that it stands for, innermost first.
func (pb *raceproc) symbol(pc uint32) {
	if pb.known[pc%raceKnown] != pc {
		pb.newsymbol(pc)
	}
}

func (pb *raceproc) newsymbol(pc uint32) {
	pb.known[pc%raceKnown] = pc
	if !racepcs.has(uintptr(pc)) && pb.define(0, &racepcs, uintptr(pc)) {
		pb.definesymbol(pc)
		pb.defined(0)
	}
}

func (pb *raceproc) definesymbol(pc uint32) {
	abs := racetext + uintptr(pc)
	fi := findfunc(abs - 1)
	if !fi.valid() {
		return
	}
	type frame struct{ fn, file, line uint64 }
	var frames [16]frame
	n := 0
	inner := true
	u, uf := newInlineUnwinder(fi, abs-1)
	for ; uf.valid() && n < len(frames); uf = u.next(uf) {
		sf := u.srcFunc(uf)
		if sf.funcID == abi.FuncIDWrapper && u.isInlined(uf) {
			continue
		}
		name := sf.name()
		file, line := u.fileLine(uf)
		if inner && racealloc(name) {
			raceruntime.set(uintptr(pc))
		}
		inner = inner && racealloc(name)
		if !inner && raceruntime.has(uintptr(pc)) {
			raceruntime.clear(uintptr(pc))
		}
		frames[n] = frame{pb.name(0, name), pb.name(1, file), uint64(max(line, 0))}
		n++
	}
	pb.defroom(int32(16 + 20*n))
	pb.byte(recSymbol)
	pb.uvarint(uint64(pc))
	pb.uvarint(uint64(n))
	for _, f := range frames[:n] {
		pb.uvarint(f.fn)
		pb.uvarint(f.file)
		pb.uvarint(f.line)
	}
}

// racealloc reports whether the function is part of the way from the program's
// code to the allocator.
func racealloc(name string) bool {
	return stringslite.HasPrefix(name, "runtime.") || stringslite.HasPrefix(name, "internal/runtime/") ||
		stringslite.HasPrefix(name, "internal/bytealg.")
}

// raceprogrampc chooses the first of four return pcs that is not the runtime's.
func raceprogrampc(a, b uint64) uint32 {
	pcs := [4]uint32{uint32(a >> 32), uint32(a), uint32(b >> 32), uint32(b)}
	for _, pc := range pcs[:] {
		if pc != raceNoPC && !raceisruntime(pc) {
			return pc
		}
	}
	return pcs[0]
}

func raceisruntime(pc uint32) bool {
	if raceruntime.has(uintptr(pc)) {
		return true
	}
	if racepcs.has(uintptr(pc)) {
		return false // defined, and not marked
	}
	abs := racetext + uintptr(pc) - 1
	fi := findfunc(abs)
	if !fi.valid() {
		return true
	}
	u, uf := newInlineUnwinder(fi, abs)
	for ; uf.valid(); uf = u.next(uf) {
		sf := u.srcFunc(uf)
		if !racealloc(sf.name()) {
			return false
		}
	}
	raceruntime.set(uintptr(pc))
	return true
}

// name defines a function's or file's name and returns its number: its place in
// the module's table.
func (pb *raceproc) name(table byte, s string) uint64 {
	md := &firstmoduledata
	tab, seen := md.funcnametab, &racefuncs
	if table == 1 {
		tab, seen = md.filetab, &racefiles
	}
	if len(s) == 0 || len(tab) == 0 {
		return 0
	}
	i := uintptr(unsafe.Pointer(unsafe.StringData(s))) - uintptr(unsafe.Pointer(&tab[0]))
	if i >= uintptr(len(tab)) {
		return 0
	}
	if pb.define(1, seen, i) {
		n := int32(min(len(s), 900))
		pb.defroom(n + 16)
		pb.byte(recString)
		pb.byte(table)
		pb.uvarint(uint64(i))
		pb.uvarint(uint64(n))
		pb.bytes(unsafe.Pointer(unsafe.StringData(s)), n)
		pb.defined(1)
	}
	return uint64(i)
}

// typedef defines the type at address typ and returns its number, 0 for none.
func (pb *raceproc) typedef(typ uintptr) uint64 {
	md := &firstmoduledata
	if typ-md.types >= md.etypes-md.types {
		return 0
	}
	id := (typ - md.types) / goarch.PtrSize
	if pb.define(0, &racetypes, id) {
		t := (*_type)(unsafe.Pointer(typ))
		s := toRType(t).string()
		n := int32(min(len(s), 900))
		pb.defroom(n + 32)
		pb.byte(recType)
		pb.uvarint(uint64(id))
		pb.uvarint(uint64(t.Size_))
		pb.uvarint(uint64(n))
		pb.bytes(unsafe.Pointer(unsafe.StringData(s)), n)
		var path racepath
		left := 64
		pb.fields(uint64(id), t, 0, &path, 0, &left)
		pb.defined(0)
	}
	return uint64(id)
}

// racepath is the way to a field: "a.b[]".
type racepath struct {
	b [200]byte
	n int
}

func (p *racepath) add(s string) {
	p.n += copy(p.b[p.n:], s)
}

// fields defines up to left leaves of t. Elements of an array are one.
func (pb *raceproc) fields(id uint64, t *_type, off uintptr, path *racepath, depth int, left *int) {
	mark := path.n
	switch {
	case *left <= 0:
	case depth < 6 && t.Kind() == abi.Struct:
		st := (*structtype)(unsafe.Pointer(t))
		for i := range st.Fields {
			f := &st.Fields[i]
			if path.n > 0 {
				path.add(".")
			}
			path.add(f.Name.Name())
			pb.fields(id, f.Typ, off+f.Offset, path, depth+1, left)
			path.n = mark
		}
	case depth < 6 && t.Kind() == abi.Array:
		at := (*arraytype)(unsafe.Pointer(t))
		path.add("[]")
		if k := at.Elem.Kind(); k != abi.Struct && k != abi.Array {
			pb.field(id, off, t.Size_, path, left)
		} else if at.Len > 0 {
			// The first element stands for all: the size says how far they go.
			pb.field(id, off, t.Size_, path, left)
		}
		path.n = mark
	case path.n > 0:
		pb.field(id, off, t.Size_, path, left)
	}
}

func (pb *raceproc) field(id uint64, off, size uintptr, path *racepath, left *int) {
	*left--
	pb.defroom(int32(path.n) + 40)
	pb.byte(recField)
	pb.uvarint(id)
	pb.uvarint(uint64(off))
	pb.uvarint(uint64(size))
	pb.uvarint(uint64(path.n))
	pb.bytes(unsafe.Pointer(&path.b), int32(path.n))
}

// racevar is an entry of the table of global variables that the link step
// appended to the executable (package collect/toolchain).
type racevar struct {
	addr, size      uint64
	nameoff, nameln uint32
}

// racevartab and racevarnames are that table, mapped from the file; empty if
// there is none. racevardelta is where the program runs less where it was linked.
var (
	racevartab   []racevar
	racevarnames []byte
	racevardelta uint64
)

// global defines the variable at address a, if there is one.
func (pb *raceproc) global(a uint64) {
	if uintptr(a)-racedatastart < racedataend-racedatastart {
		pb.newglobal(a)
	}
}

func (pb *raceproc) newglobal(a uint64) {
	if pb.define(0, &racepages, (uintptr(a)-racedatastart)/8) {
		pb.defineglobals(a)
		pb.defined(0)
	}
}

func (pb *raceproc) defineglobals(a uint64) {
	// All variables in the word's eight bytes.
	for b := a &^ 7; b < a&^7+8; {
		i := racefindvar(b - racevardelta)
		if i < 0 {
			b++
			continue
		}
		v := &racevartab[i]
		b = v.addr + racevardelta + max(v.size, 1)
		if uint64(v.nameoff)+uint64(v.nameln) > uint64(len(racevarnames)) || !pb.define(1, &racevars, uintptr(i)) {
			continue
		}
		n := int32(min(v.nameln, 900))
		pb.defroom(n + 40)
		pb.byte(recVar)
		pb.uvarint(v.addr + racevardelta)
		pb.uvarint(v.size)
		pb.uvarint(uint64(n))
		if n > 0 {
			pb.bytes(unsafe.Pointer(&racevarnames[v.nameoff]), n)
		}
		pb.defined(1)
	}
}

// racefindvar returns the index of the variable that holds address a, or -1.
func racefindvar(a uint64) int {
	lo, hi := 0, len(racevartab)
	for lo < hi {
		m := int(uint(lo+hi) / 2)
		if racevartab[m].addr <= a {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo == 0 {
		return -1
	}
	if v := &racevartab[lo-1]; a-v.addr >= max(v.size, 1) {
		return -1
	}
	return lo - 1
}
