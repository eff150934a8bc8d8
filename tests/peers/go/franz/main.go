// SPDX-License-Identifier: Apache-2.0

// franz-go as a peer; exchange.py tells what a peer program does.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"peers/corpus"
)

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func open(t *corpus.Task, more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(t.Address)}, more...)...)
}

func patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), corpus.Patience)
}

func message(t *corpus.Task, i int) *kgo.Record {
	r := t.Record(i)
	record := &kgo.Record{Topic: t.Topic, Key: r.Key, Value: r.Value, Timestamp: r.Time}
	for _, h := range r.Headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
	}
	return record
}

func produce(t *corpus.Task) error {
	options := []kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.AllowAutoTopicCreation(),
		kgo.ProducerBatchCompression(codecs[t.Codec]), kgo.ProducerBatchMaxBytes(1 << 20)}
	if !t.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	client, err := open(t, options...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := patience()
	defer cancel()
	failed := make(chan error, 1)
	for i := range t.Total() {
		client.Produce(ctx, message(t, i), func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	select {
	case err = <-failed:
	default:
	}
	return err
}

func check(t *corpus.Task, r *kgo.Record, i int) error {
	got := corpus.Record{Key: r.Key, Value: r.Value, Time: r.Timestamp, Offset: r.Offset}
	for _, h := range r.Headers {
		got.Headers = append(got.Headers, corpus.Header{Name: h.Key, Value: h.Value})
	}
	return t.Check(got, i)
}

// read compares what lies from `from` up to `to`.
func read(t *corpus.Task, from, to int) error {
	client, err := open(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		t.Topic: {0: kgo.NewOffset().At(int64(from))},
	}), kgo.FetchMaxWait(10*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := patience()
	defer cancel()
	for i := from; i < to; {
		fetches := client.PollFetches(ctx)
		for _, fault := range fetches.Errors() {
			return fault.Err
		}
		for record := range fetches.RecordsAll() {
			if i == to {
				return nil
			}
			if err := check(t, record, i); err != nil {
				return err
			}
			i++
		}
	}
	return nil
}

func verify(t *corpus.Task) error {
	return errors.Join(read(t, 0, t.Total()), admin(&corpus.Task{
		Address: t.Address, Topic: t.Topic, Count: t.Count, Large: t.Large, Steps: []string{"offsets"}}))
}

func main() {
	corpus.Main(map[string]func(*corpus.Task) error{
		"produce": produce, "verify": verify, "seek": seek, "admin": admin})
}
