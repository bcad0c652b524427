// Threads of C call back into Go, without order.
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
	x  int
	mu sync.Mutex
	y  int
)

//export called
func called() {
	x++
	mu.Lock()
	y++
	mu.Unlock()
}

func main() {
	called()
	C.threads()
}
