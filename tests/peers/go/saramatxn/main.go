// SPDX-License-Identifier: Apache-2.0

// sarama in transactions; transactors.py tells what such a program does.
package main

import (
	"time"

	"github.com/IBM/sarama"

	"peers/txn"
)

type writer struct {
	sarama.SyncProducer
	task txn.Task
}

func open(task txn.Task) (txn.Writer, error) {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Transaction.ID = task.Name
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer([]string{task.Address}, config)
	return &writer{producer, task}, err
}

func (w *writer) Begin() error { return w.BeginTxn() }

func (w *writer) Send(partition int32, value string) error {
	_, _, err := w.SendMessage(&sarama.ProducerMessage{Topic: w.task.Topic, Partition: partition,
		Key: sarama.StringEncoder(w.task.Name), Value: sarama.StringEncoder(value)})
	return err
}

func (w *writer) Flush() error { return nil }

func (w *writer) Offset(offset int64) error {
	offsets := []*sarama.PartitionOffsetMetadata{{Partition: 0, Offset: offset}}
	return w.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{w.task.Input: offsets}, w.task.Name)
}

func (w *writer) End(commit bool) error {
	if commit {
		return w.CommitTxn()
	}
	return w.AbortTxn()
}

func read(task txn.Task, each func(int32, int64, []byte)) error {
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	if task.Committed {
		config.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	consumer, err := sarama.NewConsumer([]string{task.Address}, config)
	if err != nil {
		return err
	}
	messages := make(chan *sarama.ConsumerMessage)
	for p := range task.Partitions {
		partition, err := consumer.ConsumePartition(task.Topic, int32(p), sarama.OffsetOldest)
		if err != nil {
			return err
		}
		go func() {
			for message := range partition.Messages() {
				messages <- message
			}
		}()
	}
	for left := task.Partitions; left > 0; {
		message := <-messages
		each(message.Partition, message.Offset, message.Value)
		if string(message.Value) == "end" {
			left--
		}
	}
	return nil
}

func main() { txn.Main(open, read) }
