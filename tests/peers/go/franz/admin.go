// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

type admin struct {
	*kadm.Client
	ctx context.Context
}

func (a *admin) Create(topic string, partitions int, retention string) error {
	_, err := a.CreateTopic(a.ctx, int32(partitions), 1, map[string]*string{"retention.ms": &retention}, topic)
	return err
}

func (a *admin) IsExisting(err error) bool { return errors.Is(err, kerr.TopicAlreadyExists) }

// Asked for operations, too: otherwise kadm answers from what it heard up to 5 s ago.
func (a *admin) Topics() (map[string]int, error) {
	topics, err := a.ListTopics(kadm.WithAuthorizedOps(a.ctx))
	counts := map[string]int{}
	for name, topic := range topics {
		err = errors.Join(err, topic.Err)
		for _, p := range topic.Partitions {
			err = errors.Join(err, p.Err)
		}
		counts[name] = len(topic.Partitions)
	}
	return counts, err
}

func address(b kgo.BrokerMetadata) string { return fmt.Sprintf("%s:%d", b.Host, b.Port) }

func (a *admin) Cluster() (addresses []string, controller string, err error) {
	found, err := a.BrokerMetadata(a.ctx)
	for _, broker := range found.Brokers {
		addresses = append(addresses, address(broker))
		if broker.NodeID == found.Controller {
			controller = address(broker)
		}
	}
	return addresses, controller, err
}

func (a *admin) Retention(topic string) (string, error) {
	found, err := a.DescribeTopicConfigs(a.ctx, topic)
	if err != nil {
		return "", err
	}
	described, err := found.On(topic, nil)
	for _, c := range described.Configs {
		if c.Key == "retention.ms" {
			return c.MaybeValue(), errors.Join(err, described.Err)
		}
	}
	return "", errors.Join(err, described.Err)
}

func (a *admin) SetRetention(topic, ms string) error {
	done, err := a.AlterTopicConfigs(a.ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: &ms}}, topic)
	if err != nil {
		return err
	}
	altered, err := done.On(topic, nil)
	return errors.Join(err, altered.Err)
}

func (a *admin) Grow(topic string, partitions int) error {
	grown, err := a.UpdatePartitions(a.ctx, partitions, topic)
	return errors.Join(err, grown.Error())
}

func (a *admin) Bounds(topic string) (first, end int64, err error) {
	starts, err := a.ListStartOffsets(a.ctx, topic)
	ends, err2 := a.ListEndOffsets(a.ctx, topic)
	start, _ := starts.Lookup(topic, 0)
	last, _ := ends.Lookup(topic, 0)
	return start.Offset, last.Offset, errors.Join(err, err2, start.Err, last.Err)
}

func (a *admin) Truncate(topic string, before int64) error {
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, before, -1)
	deleted, err := a.DeleteRecords(a.ctx, offsets)
	return errors.Join(err, deleted.Error())
}

func (a *admin) Delete(topic string) error {
	_, err := a.DeleteTopic(a.ctx, topic)
	return err
}
