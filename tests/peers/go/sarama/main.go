// SPDX-License-Identifier: Apache-2.0

// sarama as a peer; exchange.py tells what a peer program does.
package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"peers/corpus"
)

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

func configure(t *corpus.Task) *sarama.Config {
	config := sarama.NewConfig()
	config.Producer.Compression = codecs[t.Codec]
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Idempotent = t.Idempotent
	config.Net.MaxOpenRequests = 1 // demanded where it is idempotent, and in order where not
	config.Consumer.MaxWaitTime = 10 * time.Millisecond
	return config
}

func encoder(bytes []byte) sarama.Encoder {
	if bytes == nil {
		return nil
	}
	return sarama.ByteEncoder(bytes)
}

func message(t *corpus.Task, i int) *sarama.ProducerMessage {
	r := t.Record(i)
	m := &sarama.ProducerMessage{Topic: t.Topic, Key: encoder(r.Key), Value: encoder(r.Value), Timestamp: r.Time}
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value})
	}
	return m
}

func produce(t *corpus.Task) error {
	producer, err := sarama.NewAsyncProducer([]string{t.Address}, configure(t))
	if err != nil {
		return err
	}
	failed := make(chan error)
	go func() {
		var first error
		for fault := range producer.Errors() {
			if first == nil {
				first = fault
			}
		}
		failed <- first
	}()
	for i := range t.Total() {
		producer.Input() <- message(t, i)
	}
	producer.AsyncClose()
	return <-failed
}

func check(t *corpus.Task, m *sarama.ConsumerMessage, i int) error {
	got := corpus.Record{Key: m.Key, Value: m.Value, Time: m.Timestamp, Offset: m.Offset}
	for _, h := range m.Headers {
		got.Headers = append(got.Headers, corpus.Header{Name: string(h.Key), Value: h.Value})
	}
	return t.Check(got, i)
}

// read compares what lies from `from` up to `to`.
func read(t *corpus.Task, client sarama.Client, from, to int) error {
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	partition, err := consumer.ConsumePartition(t.Topic, 0, int64(from))
	if err != nil {
		return err
	}
	defer partition.AsyncClose()
	patience := time.After(corpus.Patience)
	for i := from; i < to; i++ {
		select {
		case m := <-partition.Messages():
			if err := check(t, m, i); err != nil {
				return err
			}
		case <-patience:
			return fmt.Errorf("record %d did not come", i)
		}
	}
	return nil
}

func verify(t *corpus.Task) error {
	client, err := sarama.NewClient([]string{t.Address}, configure(t))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := read(t, client, 0, t.Total()); err != nil {
		return err
	}
	first, end, err := bounds(client, t.Topic)
	return errors.Join(err, t.Ends(first, end))
}

func seek(t *corpus.Task) error {
	client, err := sarama.NewClient([]string{t.Address}, configure(t))
	if err != nil {
		return err
	}
	defer client.Close()
	for _, asked := range t.Times() {
		offset, err := client.GetOffset(t.Topic, 0, asked.Time.UnixMilli())
		if err := errors.Join(err, asked.Found(offset, -1)); err != nil {
			return err
		}
		if asked.Record >= 0 {
			if err := read(t, client, asked.Record, asked.Record+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func main() {
	corpus.Main(map[string]func(*corpus.Task) error{
		"produce": produce, "verify": verify, "seek": seek, "admin": administer})
}
