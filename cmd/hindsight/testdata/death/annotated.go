//go:build race

package main

import (
	"runtime"
	"unsafe"
)

var handed, hidden, key int

// annotated orders its accesses to handed by annotations, which the channel,
// hidden from the detector, does not.
func annotated() {
	done := make(chan bool)
	go func() {
		handed++
		runtime.RaceReleaseMerge(unsafe.Pointer(&key))
		runtime.RaceDisable()
		done <- true
		runtime.RaceEnable()
	}()
	runtime.RaceDisable()
	<-done
	runtime.RaceEnable()
	runtime.RaceAcquire(unsafe.Pointer(&key))
	handed++
	runtime.RaceRead(unsafe.Pointer(&hidden))
	runtime.RaceWriteRange(unsafe.Pointer(&hidden), 8)
	if runtime.RaceErrors() != 0 {
		panic("errors before the analysis")
	}
}
