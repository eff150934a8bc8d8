// SPDX-License-Identifier: Apache-2.0

// Package member has the command line and the words of a member of a group, for clients in Go; members.py tells
// what a member says.
package member

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Task is what the command line asks for.
type Task struct {
	Address, Topic, Group, Strategy string
	Session                         time.Duration
}

var saying sync.Mutex

// Say prints a line that begins with the time.
func Say(words ...any) {
	saying.Lock()
	defer saying.Unlock()
	fmt.Println(append([]any{time.Now().UnixMicro()}, words...)...)
}

// Partitions says that something befell them.
func Partitions(what string, partitions []int32) {
	words := []any{what}
	for _, partition := range partitions {
		words = append(words, partition)
	}
	Say(words...)
}

// Main runs a member until SIGTERM ends its context.
func Main(run func(context.Context, Task) error) {
	ms, err := strconv.Atoi(os.Args[5])
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		err = run(ctx, Task{os.Args[1], os.Args[2], os.Args[3], os.Args[4], time.Duration(ms) * time.Millisecond})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	Say("left")
}
