// Threads of C call back into Go, where a lock orders them. Then, if there is an
// argument, they abort.
package main

/*
#include <pthread.h>
#include <stdlib.h>

extern void called(void);

static void *begin(void *unused) {
	for (int i = 0; i < 100; i++)
		called();
	return unused;
}

static void *fail(void *unused) {
	abort();
}

static void threads(int ok) {
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], 0, ok ? begin : fail, 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], 0);
}
*/
import "C"

import (
	"os"
	"sync"
)

var (
	mu sync.Mutex
	x  int
)

//export called
func called() {
	mu.Lock()
	x++
	mu.Unlock()
}

func main() {
	called()
	C.threads(1)
	if len(os.Args) > 1 {
		C.threads(0)
	}
}
