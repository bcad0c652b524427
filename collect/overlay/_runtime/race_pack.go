// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

// From packs to chunks. The records of a P fill a pack, which is compressed and
// cut into pieces that the tracer takes. What a program does it does again: a
// pack has the same records many times, and not only one right after the other.

package runtime

import (
	"internal/runtime/sys"
	"unsafe"
)

// racePlaceBits is the logarithm of the number of places that a sequence of bytes
// may be remembered in.
const racePlaceBits = 14

// racePackMax is what a compressed pack takes at most, with its sizes before it
// and what the last copy of eight bytes writes beyond its end.
const racePackMax = 8 + racePack + racePack/255 + 256 + 8

// racepieces is a compressed pack on its way into the trace.
type racepieces struct {
	// What is left to do, at whatever instruction the owner is interrupted for good.
	state       uint8
	flags       byte
	sent, count int32
	n           int32  // bytes
	seq, next   uint32 // numbers of the first piece, and of the next pack's
	places      [1 << racePlaceBits]uint32
	// The pack, behind room for the header of its first piece. The header of a
	// later one takes the place of the end of the piece before it, which has
	// been handed over by then.
	out [raceHeader + racePieceHeader + racePackMax]byte
}

// States of racepieces.
const (
	racePiecesNone    = iota
	racePiecesCopied  // they hold the pack, which must be emptied
	racePiecesSending // they must be sent
)

// compress makes the pack ready to be sent.
func (pb *raceproc) compress(flags byte) {
	k := &pb.pieces
	out, n := unsafe.Pointer(&k.out[raceHeader+racePieceHeader]), uintptr(0)
	for _, v := range [2]uint32{uint32(pb.cn), uint32(pb.records - pb.begun)} {
		for ; v >= 0x80; v >>= 7 {
			*(*byte)(unsafe.Add(out, n)) = byte(v) | 0x80
			n++
		}
		*(*byte)(unsafe.Add(out, n)) = byte(v)
		n++
	}
	n += racecompress(unsafe.Add(out, n), unsafe.Pointer(&pb.pack), uintptr(pb.cn), &k.places)
	racebytes.Add(int64(pb.cn))
	k.flags, k.n, k.seq = flags, int32(n), k.next
	k.sent, k.count = 0, (k.n+racePiece-1)/racePiece
	k.state = racePiecesCopied
}

// send hands the pieces of the compressed pack to the tracer, or keeps them for
// one that may (racependings). If it was interrupted for good, rescue goes on
// with the piece that was at hand: a chunk that is written twice is found once.
func (pb *raceproc) send() {
	k := &pb.pieces
	if k.state != racePiecesSending {
		return
	}
	for ; k.sent < k.count; k.sent++ {
		p := unsafe.Pointer(&k.out[k.sent*racePiece])
		n := raceHeader + racePieceHeader + min(racePiece, k.n-k.sent*racePiece)
		c := unsafe.Slice((*byte)(p), n)
		c[0], c[1], c[2], c[3] = 'H', 'S', raceVersion, k.flags|racePacked
		raceputu32(c[4:], pb.stream)
		raceputu32(c[8:], k.seq+uint32(k.sent))
		raceputu32(c[12:], 0)
		raceputu32(c[raceHeader:], uint32(k.count-1)<<16|uint32(k.sent))
		raceputu32(c[12:], racesum(c))
		if racesaves() {
			racedumpchunk(p, n)
		} else if !racelog(p, n) {
			racekeep(p, n)
		}
	}
	k.next = k.seq + uint32(k.count)
	k.state = racePiecesNone
}

// racecompress compresses n bytes at src to dst, as docs/record-format.md has it, and
// returns how many they have become. A sequence of bytes that has been there before, of
// four or more, is told by its distance: it is looked for where places, by
// their hash, has such bytes last. Where little is found, less is looked for. It may
// read and write 8 bytes beyond the ends.
func racecompress(dst, src unsafe.Pointer, n uintptr, places *[1 << racePlaceBits]uint32) uintptr {
	const least = 4
	load := func(i uintptr) uint64 { return *(*uint64)(unsafe.Add(src, i)) }
	hash := func(v uint64) uint64 { return v << 24 * 0x9E3779B185EBCA87 >> (64 - racePlaceBits) }
	clear(places[:])
	d, told := uintptr(dst), uintptr(0)
	put := func(b byte) {
		*(*byte)(unsafe.Pointer(d)) = b
		d++
	}
	long := func(v uintptr) {
		for ; v >= 255; v -= 255 {
			put(255)
		}
		put(byte(v))
	}
	literals := func(end uintptr, match uintptr) {
		count := end - told
		put(byte(min(count, 15)<<4 | min(match, 15)))
		if count >= 15 {
			long(count - 15)
		}
		for i := uintptr(0); i < count; i += 8 {
			*(*uint64)(unsafe.Pointer(d + i)) = load(told + i)
		}
		d += count
	}
	for i := uintptr(1); i+least <= n; {
		v := load(i)
		place := &places[hash(v)]
		c := uintptr(*place)
		*place = uint32(i)
		if uint32(load(c)) != uint32(v) {
			i += 1 + (i-told)>>8
			continue
		}
		for i > told && c > 0 && byte(load(i-1)) == byte(load(c-1)) {
			i--
			c--
		}
		end, away := i+least, i-c
		for ; end < n; end += 8 {
			if differ := load(end) ^ load(end-away); differ != 0 {
				end += uintptr(sys.TrailingZeros64(differ)) / 8
				break
			}
		}
		end = min(end, n)
		literals(i, end-i-least)
		if away < 1<<15 {
			*(*uint16)(unsafe.Pointer(d)) = uint16(away)
			d += 2
		} else {
			*(*uint32)(unsafe.Pointer(d)) = uint32(away&(1<<15-1) | 1<<15 | away>>15<<16)
			d += 3
		}
		if end-i-least >= 15 {
			long(end - i - least - 15)
		}
		i, told = end, end
		places[hash(load(i-2))] = uint32(i - 2)
	}
	literals(n, 0)
	return d - uintptr(dst)
}
