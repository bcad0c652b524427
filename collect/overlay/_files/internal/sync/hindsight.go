// Copyright 2026 The Hindsight Authors. All rights reserved.
// Use of this source code is governed by a BSD-style
// license that can be found in the LICENSE file.

//go:build race

package sync

import (
	"internal/abi"
	"internal/race"
	"unsafe"
)

// Records of HashTrieMap, which is sync.Map. What orders what: a write and the
// read that observes it, key by key, and nothing else. So an entry node is an
// object: who makes it releases on it before it can be found, who finds it
// acquires. An absent key is an object too, named by the map's address and the
// key's hash: a delete releases on it before the entry disappears, who finds
// nothing acquires. Clear releases on an object of the whole map, which who
// finds nothing acquires as well. Atomics and locks in here say nothing.
//
// A node's address may be used again for another entry; its maker's release
// forgets the old one. A map's address may be used again for another map, whose
// random seed then names other objects.

// The second argument of an operation's inner form: how it counts for keys that
// are absent or found.
const (
	raceReads  = 1 << iota // it observes what is there: Load, Swap
	raceWrites             // it counts as a write though it changed nothing: Delete of an absent key
)

// What raceMap does with the object. The runtime knows the numbers.
const (
	raceMapAcquire = iota
	raceMapRelease
	raceMapReleaseMerge
)

//go:linkname raceMap
func raceMap(what uint8, obj uintptr)

// Mutex.Lock's and Unlock's atomic operation, and what they tell of it.
//
//go:linkname raceLock
func raceLock(state *int32) bool

//go:linkname raceUnlock
func raceUnlock(state *int32) int32

// raceMutex is the Mutex of a trie's node: part of the map, not of the program's order.
type raceMutex struct{ mu Mutex }

func (m *raceMutex) Lock() {
	race.Disable()
	m.mu.Lock()
	race.Enable()
}

func (m *raceMutex) Unlock() {
	race.Disable()
	m.mu.Unlock()
	race.Enable()
}

// raceKey names the absent key of the given hash; raceAll the whole map.

func (ht *HashTrieMap[K, V]) raceKey(hash uintptr) uintptr {
	return uintptr((uint64(uintptr(unsafe.Pointer(ht)))^uint64(hash)*0x9E3779B97F4A7C15)*0xFF51AFD7ED558CCD>>8) | 1
}

func (ht *HashTrieMap[K, V]) raceAll() uintptr { return ht.raceKey(ht.seed+1) &^ 1 }

// raceAbsent is called after the key was found to be absent.
func (ht *HashTrieMap[K, V]) raceAbsent(hash uintptr, how int) {
	if how&raceReads != 0 {
		raceMap(raceMapAcquire, ht.raceKey(hash))
		raceMap(raceMapAcquire, ht.raceAll())
	}
	if how&raceWrites != 0 {
		raceMap(raceMapReleaseMerge, ht.raceKey(hash))
	}
}

// raceSee is called with an entry of the key's hash after it was found.
func (ht *HashTrieMap[K, V]) raceSee(e *entry[K, V], key K, hash uintptr, how int) {
	if f := e.raceFind(key); f == nil {
		ht.raceAbsent(hash, how)
	} else if how&raceReads != 0 {
		raceMap(raceMapAcquire, uintptr(unsafe.Pointer(f)))
	}
}

// raceGone is called before the key's entry in the chain e is deleted, if it is
// there with the given value; valEqual nil: with any. The node's lock is held.
func (ht *HashTrieMap[K, V]) raceGone(e *entry[K, V], key K, value V, valEqual equalFunc, hash uintptr) {
	if f := e.raceFind(key); f != nil && (valEqual == nil || valEqual(unsafe.Pointer(&f.value), abi.NoEscape(unsafe.Pointer(&value)))) {
		raceMap(raceMapRelease, ht.raceKey(hash))
	}
}

func (e *entry[K, V]) raceFind(key K) *entry[K, V] {
	for ; e != nil; e = e.overflow.Load() {
		if e.key == key {
			return e
		}
	}
	return nil
}
