// SPDX-License-Identifier: Apache-2.0

// franz-go as a peer; exchange.py tells what a peer program does.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"peers/corpus"
)

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// with runs something with a client that has those options.
func with(t *corpus.Task, run func(context.Context, *kgo.Client) error, more ...kgo.Opt) error {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(t.Address)}, more...)...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), corpus.Patience)
	defer cancel()
	return run(ctx, client)
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
	return with(t, func(ctx context.Context, client *kgo.Client) error {
		var failed kgo.FirstErrPromise
		for i := range t.Total() {
			client.Produce(ctx, message(t, i), failed.Promise())
		}
		return failed.Err()
	}, options...)
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
	at := map[string]map[int32]kgo.Offset{t.Topic: {0: kgo.NewOffset().At(int64(from))}}
	return with(t, func(ctx context.Context, client *kgo.Client) error {
		for i := from; i < to; {
			fetches := client.PollRecords(ctx, to-i)
			for _, fault := range fetches.Errors() {
				return fault.Err
			}
			for record := range fetches.RecordsAll() {
				if err := check(t, record, i); err != nil {
					return err
				}
				i++
			}
		}
		return nil
	}, kgo.ConsumePartitions(at), kgo.FetchMaxWait(10*time.Millisecond))
}

func verify(t *corpus.Task) error {
	if err := read(t, 0, t.Total()); err != nil {
		return err
	}
	return withAdmin(t, func(a *admin) error {
		first, end, err := a.Bounds(t.Topic)
		return errors.Join(err, t.Ends(first, end))
	})
}

func find(a *admin, t *corpus.Task, asked corpus.Asked) error {
	listed, err := a.ListOffsetsAfterMilli(a.ctx, asked.Time.UnixMilli(), t.Topic)
	found, _ := listed.Lookup(t.Topic, 0)
	// kadm tells the end where there is none.
	if err := errors.Join(err, found.Err, asked.Found(found.Offset, int64(t.Total()))); err != nil || asked.Record < 0 {
		return err
	}
	return read(t, asked.Record, asked.Record+1)
}

func seek(t *corpus.Task) error {
	return withAdmin(t, func(a *admin) error {
		for _, asked := range t.Times() {
			if err := find(a, t, asked); err != nil {
				return err
			}
		}
		return nil
	})
}

func withAdmin(t *corpus.Task, run func(*admin) error) error {
	return with(t, func(ctx context.Context, client *kgo.Client) error {
		return run(&admin{kadm.NewClient(client), ctx})
	})
}

func main() {
	corpus.Main(map[string]func(*corpus.Task) error{
		"produce": produce, "verify": verify, "seek": seek, "admin": func(t *corpus.Task) error {
			return withAdmin(t, func(a *admin) error { return t.Administer(a) })
		}})
}
