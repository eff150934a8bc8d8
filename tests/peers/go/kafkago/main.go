// SPDX-License-Identifier: Apache-2.0

// segmentio's kafka-go as a peer; exchange.py tells what a peer program does.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"

	"peers/corpus"
)

var codecs = map[string]kafka.Compression{
	"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
}

func message(t *corpus.Task, i int) kafka.Message {
	r := t.Record(i)
	m := kafka.Message{Key: r.Key, Value: r.Value, Time: r.Time}
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, kafka.Header{Key: h.Name, Value: h.Value})
	}
	return m
}

func produce(t *corpus.Task) error {
	writer := &kafka.Writer{Addr: kafka.TCP(t.Address), Topic: t.Topic, Compression: codecs[t.Codec],
		RequiredAcks: kafka.RequireAll, AllowAutoTopicCreation: true, BatchSize: 1000, BatchTimeout: time.Millisecond}
	ctx, cancel := context.WithTimeout(context.Background(), corpus.Patience)
	defer cancel()
	var some []kafka.Message
	for i := range t.Total() {
		some = append(some, message(t, i))
		if len(some) < 10_000 && i+1 < t.Total() {
			continue
		}
		if err := writer.WriteMessages(ctx, some...); err != nil {
			return err
		}
		some = nil
	}
	return writer.Close()
}

// read compares what lies from `from` up to `to`, where the reader moves to by itself if there is a time.
func read(t *corpus.Task, at *time.Time, from, to int) error {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{t.Address}, Topic: t.Topic,
		MaxBytes: 10 << 20, MaxWait: 10 * time.Millisecond})
	defer reader.Close()
	ctx, cancel := context.WithTimeout(context.Background(), corpus.Patience)
	defer cancel()
	if at != nil {
		if err := reader.SetOffsetAt(ctx, *at); err != nil {
			return err
		}
	}
	for i := from; i < to; i++ {
		m, err := reader.ReadMessage(ctx)
		if err != nil {
			return err
		}
		t.EmptyIsNull = true
		got := corpus.Record{Key: m.Key, Value: m.Value, Time: m.Time, Offset: m.Offset}
		for _, h := range m.Headers {
			got.Headers = append(got.Headers, corpus.Header{Name: h.Key, Value: h.Value})
		}
		if err := t.Check(got, i); err != nil {
			return err
		}
	}
	return nil
}

func verify(t *corpus.Task) error {
	if err := read(t, nil, 0, t.Total()); err != nil {
		return err
	}
	return with(t, func(a *admin) error {
		first, end, err := a.Bounds(t.Topic)
		return errors.Join(err, t.Ends(first, end))
	})
}

func seek(t *corpus.Task) error {
	return with(t, func(a *admin) error {
		for _, asked := range t.Times() {
			offset, err := a.after(t.Topic, asked.Time)
			if err := errors.Join(err, asked.Found(offset, -1)); err != nil {
				return err
			}
			if asked.Record < 0 {
				continue
			}
			if err := read(t, &asked.Time, asked.Record, asked.Record+1); err != nil {
				return err
			}
		}
		return nil
	})
}

func main() {
	corpus.Main(map[string]func(*corpus.Task) error{
		"produce": produce, "verify": verify, "seek": seek, "admin": func(t *corpus.Task) error {
			return with(t, func(a *admin) error { return t.Administer(a) })
		}})
}
