// Racyserver is an HTTP server with an unlocked counter. It prints its address,
// serves until it gets SIGTERM, and dies of it as any server would.
//
// Expect: race main.visits racyserver.go:27 racyserver.go:27
// Expect: race main.visits racyserver.go:27 racyserver.go:28
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
)

var visits int

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s/\n", listener.Addr())
	log.Fatal(http.Serve(listener, http.HandlerFunc(visit)))
}

func count() int {
	visits++
	return visits
}

func visit(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, "welcome, visitor", count())
}
