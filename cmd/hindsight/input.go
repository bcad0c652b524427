package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// A kind is what an input is, by its content.
type kind int

const (
	unknownInput kind = iota
	traceInput        // an execution trace
	scriptInput       // an event script
	jsonInput         // a result saved as JSON
	pageInput         // a result saved as a page
)

// An input is an open one, unpacked.
type input struct {
	kind kind
	io.ReadSeeker
	file  *os.File
	early bool // the user ended it
}

func (in *input) Close() error { return in.file.Close() }

// A gzip input may unpack to this many bytes, or this many times its size if
// that is more.
const (
	unpackedSize  = 256 << 20
	unpackedRatio = 200
)

// openInput opens a file, or standard input if its name is "-".
func (a *app) openInput(name string) (*input, error) {
	var r io.Reader = a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err == nil && info.IsDir() {
			f.Close()
			return nil, fmt.Errorf("%s is a directory", name)
		}
		if _, err := f.Seek(0, io.SeekStart); err == nil { // no pipe
			head := make([]byte, 512)
			n, err := io.ReadFull(f, head)
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				f.Close()
				return nil, err
			}
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				f.Close()
				return nil, err
			}
			if !isGzip(head[:n]) {
				k, err := inputKind(head[:n])
				if err != nil {
					f.Close()
					return nil, fmt.Errorf("%s %w", name, err)
				}
				return &input{k, f, f, false}, nil
			}
		}
		defer f.Close()
		r = f
	} else {
		name = "standard input"
	}
	in, err := a.spool(r)
	if err != nil {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	return in, nil
}

// spool copies an input to a temporary file, unpacked. An interrupt ends the input.
func (a *app) spool(r io.Reader) (*input, error) {
	defer a.temp.yield(a.interrupt)()
	from := a.copies.begin(r)
	in, err := a.copy(from)
	early := a.copies.done(from)
	switch {
	case err != nil && early:
		return nil, errEarly
	case err != nil:
		return nil, err
	}
	in.early = early
	return in, nil
}

func (a *app) copy(from io.Reader) (*input, error) {
	packed := &counter{r: from}
	buf := bufio.NewReaderSize(packed, 1<<16)
	head, err := buf.Peek(512)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	var unpacker *gzip.Reader
	if isGzip(head) {
		if unpacker, err = gzip.NewReader(buf); err != nil {
			return nil, fmt.Errorf("cannot be unpacked: %w", err)
		}
		buf = bufio.NewReaderSize(unpacker, 1<<16)
		if head, err = buf.Peek(512); len(head) == 0 && err != io.EOF {
			return nil, fmt.Errorf("cannot be unpacked: %w", err)
		}
	}
	k, err := inputKind(head)
	if err != nil {
		return nil, err
	}
	f, err := a.temp.file()
	if err != nil {
		return nil, fmt.Errorf("cannot be copied: %w", err)
	}
	block := make([]byte, 1<<20)
	var size int64
	for {
		n, err := buf.Read(block)
		if _, err := f.Write(block[:n]); err != nil {
			f.Close()
			return nil, fmt.Errorf("cannot be copied: %w", err)
		}
		size += int64(n)
		if unpacker != nil && size > unpackedSize && size > unpackedRatio*packed.n {
			f.Close()
			return nil, fmt.Errorf("unpacks to more than %d times its size: refused", unpackedRatio)
		}
		if err == io.EOF {
			break
		}
		if err == nil {
			continue
		}
		// What a cut or damaged trace begins with is still worth analyzing: the
		// reader sees that the rest is missing.
		if k != traceInput || size == 0 {
			f.Close()
			return nil, fmt.Errorf("cannot be read: %w", err)
		}
		a.note("the input is damaged or cut short: %v", err)
		break
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot be copied: %w", err)
	}
	return &input{k, f, f, false}, nil
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func isGzip(head []byte) bool { return bytes.HasPrefix(head, []byte{0x1f, 0x8b}) }

// inputKind tells what an input is from its first bytes.
func inputKind(head []byte) (kind, error) {
	if len(head) == 0 {
		return unknownInput, errors.New("is empty")
	}
	text := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n"))
	switch {
	case bytes.HasPrefix(head, []byte("go 1.")):
		return traceInput, nil
	case bytes.HasPrefix(text, []byte("{")):
		return jsonInput, nil
	case bytes.HasPrefix(text, []byte("<!")), bytes.HasPrefix(text, []byte("<html")):
		return pageInput, nil
	case isText(head):
		return scriptInput, nil
	}
	return unknownInput, errors.New("is neither an execution trace, an event script nor a saved result")
}

// isText reports whether text begins like head, which may end within a character.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && n == 1 {
			return !utf8.FullRune(head)
		}
		if r == 0x7f || r < ' ' && r != '\t' && r != '\n' && r != '\r' {
			return false
		}
		head = head[n:]
	}
	return true
}
