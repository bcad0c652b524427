// Threads of C call back into Go, where a lock orders them.
package main

/*
#include <pthread.h>

extern void called(void);

static void *begin(void *unused) {
	for (int i = 0; i < 100; i++)
		called();
	return unused;
}

static void threads(void) {
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], 0, begin, 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], 0);
}
*/
import "C"

import "sync"

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
	C.threads()
}
