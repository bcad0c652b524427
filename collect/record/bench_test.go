package record

import "testing"

func BenchmarkDecode(b *testing.B) {
	var chunks [][]byte
	e := NewEncoder(1, func(c []byte) { chunks = append(chunks, append([]byte(nil), c...)) })
	e.Write(&Record{Tag: TagSlice, Slice: Slice{G: 1, Number: 1}})
	n := 0
	for i := range uint64(20_000) {
		pc := uint32(i * 7919 % 100_003)
		e.Write(&Record{Tag: TagStack, Low: 5, PCs: []uint32{pc}})
		e.Write(&Record{Tag: TagRead, Addr: 0xc000000000 + i*4001%1_000_003*8, PC: pc + 40, Size: 1, Count: 1})
		e.Write(&Record{Tag: TagWrite, Addr: 0xc000000000 + i*8, PC: pc + 80, Size: 1, Count: 1})
		n += 3
	}
	e.Flush(0)
	for b.Loop() {
		var d Decoder
		var r Record
		m := 0
		for _, c := range chunks {
			for d.Reset(c[HeaderSize:]); d.Next(&r); {
				m++
			}
		}
		if m < n {
			b.Fatal(m)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
}
