// Httpcache-fixed is httpcache with a lock around the cache.
//
// Expect: none
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
)

const clients = 2

var cache struct {
	sync.Mutex
	hits int
	last string
}

// both lets a request go on once all clients' requests are in the handler, as
// happens under load.
var both sync.WaitGroup

func main() {
	both.Add(clients)
	server := httptest.NewServer(http.HandlerFunc(handle))
	defer server.Close()

	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() { get(fmt.Sprint(server.URL, "/", i)) })
	}
	wg.Wait()
}

func handle(w http.ResponseWriter, r *http.Request) {
	answer := "you asked for " + r.URL.Path
	both.Done()
	both.Wait()

	cache.Lock()
	cache.hits++
	cache.last = answer
	cache.Unlock()
	fmt.Fprintln(w, answer)
}

func get(url string) {
	resp, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		log.Fatal(err)
	}
}
