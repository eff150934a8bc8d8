// SPDX-License-Identifier: Apache-2.0

// franz-go in transactions; transactors.py tells what such a program does. Its offsets come from a session that reads
// the input in a group: one record for each offset, so that what is committed is how often it committed.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"peers/txn"
)

// Patience with a record of the input. Nothing is compressed, since kafkajs reads it, too.
const patience = time.Minute

type writer struct {
	session *kgo.GroupTransactSession
	task    txn.Task
	failed  error
}

func open(task txn.Task) (txn.Writer, error) {
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(task.Address), kgo.TransactionalID(task.Name),
		kgo.ConsumerGroup(task.Name), kgo.ConsumeTopics(task.Input), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RequireStableFetchOffsets(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	return &writer{session: session, task: task}, err
}

func (w *writer) Begin() error { return w.session.Begin() }

func (w *writer) Send(partition int32, value string) error {
	record := &kgo.Record{Topic: w.task.Topic, Partition: partition, Key: []byte(w.task.Name), Value: []byte(value)}
	w.session.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
		if err != nil {
			w.failed = err
		}
	})
	return nil
}

func (w *writer) Flush() error {
	if err := w.session.Client().Flush(context.Background()); err != nil {
		return err
	}
	return w.failed
}

func (w *writer) Offset(int64) error {
	ctx, done := context.WithTimeout(context.Background(), patience)
	defer done()
	return w.session.PollRecords(ctx, 1).Err()
}

func (w *writer) End(commit bool) error {
	committed, err := w.session.End(context.Background(), kgo.TransactionEndTry(commit))
	if err == nil && committed != commit {
		return fmt.Errorf("committed: %t", committed)
	}
	return err
}

func (w *writer) Close() error {
	w.session.Close()
	return nil
}

func read(task txn.Task, each func(int32, int64, []byte)) error {
	offsets := map[int32]kgo.Offset{}
	for p := range task.Partitions {
		offsets[int32(p)] = kgo.NewOffset().AtStart()
	}
	isolation := kgo.ReadUncommitted()
	if task.Committed {
		isolation = kgo.ReadCommitted()
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(task.Address), kgo.FetchIsolationLevel(isolation),
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{task.Topic: offsets}))
	if err != nil {
		return err
	}
	defer client.Close()
	for left := task.Partitions; left > 0; {
		fetches := client.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			return err
		}
		for record := range fetches.RecordsAll() {
			each(record.Partition, record.Offset, record.Value)
			if string(record.Value) == "end" {
				left--
			}
		}
	}
	return nil
}

func main() { txn.Main(open, read) }
