// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"peers/corpus"
)

func seek(t *corpus.Task) error {
	client, err := open(t)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := patience()
	defer cancel()
	for _, asked := range t.Times() {
		listed, err := kadm.NewClient(client).ListOffsetsAfterMilli(ctx, asked.Time.UnixMilli(), t.Topic)
		if err != nil {
			return err
		}
		found, _ := listed.Lookup(t.Topic, 0)
		want := asked.Record
		if want < 0 {
			want = t.Total() // kadm's own: the end, where there is none
		}
		if err := errors.Join(found.Err, corpus.Expect("offset", found.Offset, int64(want))); err != nil {
			return err
		}
		if err := read(t, want, min(want+1, t.Total())); err != nil {
			return err
		}
	}
	return nil
}

type administrator struct {
	*kadm.Client
	ctx  context.Context
	task *corpus.Task
}

func admin(t *corpus.Task) error {
	client, err := open(t)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := patience()
	defer cancel()
	a := &administrator{kadm.NewClient(client), ctx, t}
	return t.Take(map[string]func() error{
		"create": a.create, "describe": a.describe, "cluster": a.cluster, "configs": a.configs, "alter": a.alter,
		"grow": a.grow, "offsets": a.offsets, "truncate": a.truncate, "delete": a.remove,
	})
}

func (a *administrator) create() error {
	hour := "3600000"
	settings := map[string]*string{"retention.ms": &hour}
	if _, err := a.CreateTopic(a.ctx, 3, 1, settings, a.task.New()); err != nil {
		return err
	}
	_, err := a.CreateTopic(a.ctx, 3, 1, settings, a.task.New())
	return corpus.Expect("again", errors.Is(err, kerr.TopicAlreadyExists), true)
}

// list asks for operations too, since kadm answers from what it heard in the last 5 s otherwise.
func (a *administrator) list() (kadm.TopicDetails, error) {
	return a.ListTopics(kadm.WithAuthorizedOps(a.ctx))
}

func (a *administrator) partitions(want int) error {
	topics, err := a.list()
	if err != nil {
		return err
	}
	for _, p := range topics[a.task.New()].Partitions {
		err = errors.Join(err, p.Err, corpus.Expect("replicas", fmt.Sprint(p.Replicas), fmt.Sprint([]int32{p.Leader})))
	}
	return errors.Join(err, topics[a.task.New()].Err, corpus.Expect("listed", topics.Has(a.task.Topic), true),
		corpus.Expect("partitions", len(topics[a.task.New()].Partitions), want))
}

func (a *administrator) describe() error { return a.partitions(3) }

func (a *administrator) cluster() error {
	found, err := a.BrokerMetadata(a.ctx)
	if err != nil || len(found.Brokers) != 1 {
		return fmt.Errorf("%d brokers, %w", len(found.Brokers), err)
	}
	broker := found.Brokers[0]
	return errors.Join(corpus.Expect("address", fmt.Sprintf("%s:%d", broker.Host, broker.Port), a.task.Address),
		corpus.Expect("controller", found.Controller, broker.NodeID), corpus.Expect("cluster id", found.Cluster != "", true))
}

func (a *administrator) retention(want string) error {
	found, err := a.DescribeTopicConfigs(a.ctx, a.task.New())
	if err != nil {
		return err
	}
	topic, err := found.On(a.task.New(), nil)
	for _, c := range topic.Configs {
		if c.Key == "retention.ms" {
			return errors.Join(err, topic.Err, corpus.Expect(c.Key, c.MaybeValue(), want))
		}
	}
	return errors.Join(err, topic.Err, errors.New("no retention.ms"))
}

func (a *administrator) configs() error { return a.retention("3600000") }

func (a *administrator) alter() error {
	hours := "7200000"
	done, err := a.AlterTopicConfigs(a.ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: &hours}}, a.task.New())
	if err != nil {
		return err
	}
	altered, err := done.On(a.task.New(), nil)
	return errors.Join(err, altered.Err, a.retention(hours))
}

func (a *administrator) grow() error {
	grown, err := a.UpdatePartitions(a.ctx, 5, a.task.New())
	return errors.Join(err, grown.Error(), a.partitions(5))
}

func (a *administrator) bounds(first, end int64) error {
	starts, err := a.ListStartOffsets(a.ctx, a.task.Topic)
	ends, err2 := a.ListEndOffsets(a.ctx, a.task.Topic)
	start, _ := starts.Lookup(a.task.Topic, 0)
	last, _ := ends.Lookup(a.task.Topic, 0)
	return errors.Join(err, err2, start.Err, last.Err, corpus.Expect("first", start.Offset, first),
		corpus.Expect("end", last.Offset, end))
}

func (a *administrator) offsets() error { return a.bounds(0, int64(a.task.Total())) }

func (a *administrator) truncate() error {
	before := kadm.Offsets{}
	before.AddOffset(a.task.Topic, 0, 10, -1)
	deleted, err := a.DeleteRecords(a.ctx, before)
	return errors.Join(err, deleted.Error(), a.bounds(10, int64(a.task.Total())))
}

func (a *administrator) remove() error {
	if _, err := a.DeleteTopic(a.ctx, a.task.New()); err != nil {
		return err
	}
	topics, err := a.list()
	return errors.Join(err, corpus.Expect("still listed", topics.Has(a.task.New()), false))
}
