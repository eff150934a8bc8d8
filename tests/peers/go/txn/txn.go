// SPDX-License-Identifier: Apache-2.0

// Package txn has the command line and the steps of a program in transactions, for clients in Go; transactors.py
// tells what such a program does.
package txn

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Writer is a transactional producer.
type Writer interface {
	Begin() error
	Send(partition int32, value string) error
	Flush() error
	Offset(offset int64) error
	End(commit bool) error
	Close() error
}

// Task is what the command line asks for: Name and Input of a writer, Partitions and Committed of a reader.
type Task struct {
	Address, Topic, Name, Input string
	Partitions                  int
	Committed                   bool
}

// Main runs one or the other.
func Main(open func(Task) (Writer, error), read func(Task, func(partition int32, offset int64, value []byte)) error) {
	if err := main(open, read); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main(open func(Task) (Writer, error), read func(Task, func(int32, int64, []byte)) error) error {
	task := Task{Address: os.Args[2], Topic: os.Args[3]}
	if os.Args[1] == "write" {
		task.Name, task.Input = os.Args[4], os.Args[5]
		return write(task, open)
	}
	partitions, err := strconv.Atoi(os.Args[4])
	if err != nil {
		return err
	}
	task.Partitions, task.Committed = partitions, os.Args[5] == "read_committed"
	return read(task, func(partition int32, offset int64, value []byte) {
		fmt.Printf("%d %d %s\n", partition, offset, value)
	})
}

func write(task Task, open func(Task) (Writer, error)) error {
	writer, err := open(task)
	if err != nil {
		return err
	}
	fmt.Println("ok")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); fmt.Println("ok") {
		if err := step(writer, strings.SplitN(lines.Text(), " ", 3)); err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
	}
	return writer.Close()
}

func step(writer Writer, words []string) error {
	var number int64
	if len(words) > 1 {
		var err error
		if number, err = strconv.ParseInt(words[1], 10, 64); err != nil {
			return err
		}
	}
	switch words[0] {
	case "begin":
		return writer.Begin()
	case "send":
		return writer.Send(int32(number), words[2])
	case "flush":
		return writer.Flush()
	case "offset":
		return writer.Offset(number)
	case "commit", "abort":
		return writer.End(words[0] == "commit")
	}
	return fmt.Errorf("no such step")
}
