// SPDX-License-Identifier: Apache-2.0

// Package corpus has corpus.h's records and a peer program's command line, for clients in Go.
package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	largeBytes = 1_000_000
	baseMs     = 1_700_000_000_000
	stepMs     = 10
	// Patience is how long anything may take.
	Patience = time.Minute
)

// Task is what the command line asks for.
type Task struct {
	Address, Topic, Codec string
	Count, Large          int
	Idempotent            bool
	Steps                 []string
	EmptyIsNull           bool // for the client that reads
}

// Header has nil for null, too.
type Header struct {
	Name  string
	Value []byte
}

// Record has nil for null.
type Record struct {
	Key, Value []byte
	Headers    []Header
	Time       time.Time
	Offset     int64
}

// Total counts the records.
func (t *Task) Total() int { return t.Count + t.Large }

func (t *Task) value(i int) []byte {
	switch {
	case i >= t.Count:
		value := make([]byte, largeBytes)
		for at := range value {
			value[at] = byte((at*31 + i) % 251)
		}
		return value
	case i%17 == 0:
		return nil
	case i%17 == 1:
		return []byte{}
	}
	return []byte(fmt.Sprintf("value-%d-%s", i, strings.Repeat("x", i%150)))
}

// Record makes record i.
func (t *Task) Record(i int) Record {
	record := Record{Value: t.value(i), Time: time.UnixMilli(baseMs + int64(stepMs*i)), Offset: int64(i)}
	switch i % 10 {
	case 0:
	case 1:
		record.Key = []byte{}
	default:
		record.Key = fmt.Appendf(nil, "key-%d", i)
	}
	if i%5 == 0 {
		record.Headers = []Header{{"number", fmt.Append(nil, i)}, {"empty", []byte{}}, {"null", nil}}
	}
	return record
}

func (t *Task) same(a, b []byte) bool {
	return bytes.Equal(a, b) && (t.EmptyIsNull || (a == nil) == (b == nil))
}

func (t *Task) sameHeader(a, b Header) bool {
	return a.Name == b.Name && t.same(a.Value, b.Value)
}

// Check says what of a record that was read differs from record i.
func (t *Task) Check(got Record, i int) error {
	want := t.Record(i)
	if got.Offset == want.Offset && t.same(got.Key, want.Key) && t.same(got.Value, want.Value) &&
		got.Time.Equal(want.Time) && slices.EqualFunc(got.Headers, want.Headers, t.sameHeader) {
		return nil
	}
	return fmt.Errorf("record %d: %.300s instead of %.300s", i, fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want))
}

// Asked is a time, and the first record that is not older: -1 behind the last.
type Asked struct {
	Time   time.Time
	Record int
}

// Times are what seek asks for.
func (t *Task) Times() []Asked {
	var asked []Asked
	for _, i := range []int{0, 1, t.Count / 2, t.Total() - 1} {
		at := t.Record(i).Time
		asked = append(asked, Asked{at.Add(-3 * time.Millisecond), i}, Asked{at, i})
	}
	return append(asked, Asked{t.Record(t.Total() - 1).Time.Add(time.Millisecond), -1})
}

// Ends says whether the topic begins and ends where it should.
func (t *Task) Ends(first, end int64) error {
	return errors.Join(expect("first", first, 0), expect("end", end, int64(t.Total())))
}

// Found says whether a time led to the right offset; `none` is the client's word for nothing.
func (a Asked) Found(offset, none int64) error {
	want := int64(a.Record)
	if a.Record < 0 {
		want = none
	}
	return expect("offset for "+a.Time.String(), offset, want)
}

func (t *Task) set(word string) error {
	name, text, _ := strings.Cut(word, "=")
	var err error
	switch name {
	case "count":
		t.Count, err = strconv.Atoi(text)
	case "large":
		t.Large, err = strconv.Atoi(text)
	case "codec":
		t.Codec = text
	case "idempotent":
		t.Idempotent, err = strconv.ParseBool(text)
	case "steps":
		t.Steps = strings.Split(text, ",")
	default:
		err = errors.New("no such word: " + name)
	}
	return err
}

// Main runs the command that the command line names.
func Main(commands map[string]func(*Task) error) {
	if len(os.Args) < 4 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: COMMAND ADDRESS TOPIC [WORD=VALUE]...")
		os.Exit(2)
	}
	task := Task{Address: os.Args[2], Topic: os.Args[3], Count: 100_000, Large: 3, Codec: "none"}
	var err error
	for _, word := range os.Args[4:] {
		err = errors.Join(err, task.set(word))
	}
	if err == nil {
		err = commands[os.Args[1]](&task)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
