package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
)

var files = []litmus{
	{"59a-pipe-none", none, "", func() {
		r, w := pipe()
		go func() {
			x = 1
			write(w)
		}()
		read(r)
		x = 2
	}},
	{"59b-tcp-none", none, "", func() {
		client, server := connection()
		go func() {
			x = 1
			write(client)
		}()
		read(server)
		x = 2
	}},
	{"59c-http-round-trip-none", none, "", func() {
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			x++
		}))
		x = 1
		resp := must(http.Get(server.URL))
		x++
		resp.Body.Close()
	}},
	{"59d-udp-none", none, "", func() {
		a := must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))
		b := must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))
		go func() {
			x = 1
			must(a.WriteTo([]byte{1}, b.LocalAddr()))
		}()
		must2(b.ReadFrom(make([]byte, 1)))
		x = 2
	}},
	{"59e-eof-none", none, "", func() {
		client, server := connection()
		go func() {
			x = 1
			client.Close()
		}()
		must(io.Copy(io.Discard, server))
		x = 2
	}},
	{"59f-shutdown-none", none, "", func() {
		client, server := connection()
		go func() {
			x = 1
			client.CloseWrite()
		}()
		must(io.Copy(io.Discard, server))
		x = 2
	}},
	{"59g-proxy-none", none, "", func() {
		client, proxyIn := connection()
		proxyOut, server := connection()
		go io.Copy(proxyOut, proxyIn) // splice, on Linux
		go func() {
			x = 1
			write(client)
		}()
		read(server)
		x = 2
	}},
	{"59h-echo-by-child-none", none, "", func() {
		cat := exec.Command("cat")
		in := must(cat.StdinPipe())
		out := must(cat.StdoutPipe())
		check(cat.Start())
		go func() {
			x = 1
			write(in)
		}()
		read(out)
		x = 2
		check(in.Close())
		check(cat.Wait())
	}},
	{"59i-file-none", none, "", func() {
		f := must(os.CreateTemp("", "litmus"))
		check(os.Remove(f.Name()))
		first(func() {
			x = 1
			write(f)
		})
		must(f.ReadAt(make([]byte, 1), 0))
		x = 2
	}},
	{"60a-unrelated-pipes-race", race, "main.x", func() {
		_, w := pipe()
		r, w2 := pipe()
		write(w2)
		first(func() {
			x = 1 //60a
			write(w)
		})
		read(r)
		x = 2 //60a
	}},
	{"60b-unrelated-connections-race", race, "main.x", func() {
		client, _ := connection()
		client2, server2 := connection()
		write(client2)
		first(func() {
			x = 1 //60b
			write(client)
		})
		read(server2)
		x = 2 //60b
	}},
	{"60c-two-directions-race", race, "main.x", func() {
		client, server := connection()
		write(server)
		again := must(client.File()) // the lock within client orders its reads and writes
		first(func() {
			x = 1 //60c
			write(client)
		})
		read(again)
		x = 2 //60c
	}},
}

func pipe() (r, w *os.File) {
	r, w, err := os.Pipe()
	check(err)
	return r, w
}

// connection returns the two ends of a TCP connection.
func connection() (client, server *net.TCPConn) {
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	defer l.Close()
	c := must(net.Dial("tcp", l.Addr().String()))
	return c.(*net.TCPConn), must(l.Accept()).(*net.TCPConn)
}

func write(w io.Writer) { must(w.Write([]byte{1})) }

func read(r io.Reader) { must(r.Read(make([]byte, 1))) }

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func must2[T, U any](v T, w U, err error) { check(err) }
