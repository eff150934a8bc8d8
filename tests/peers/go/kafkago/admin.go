// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"peers/corpus"
)

type admin struct {
	*kafka.Client
	ctx context.Context
}

func with(t *corpus.Task, run func(*admin) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), corpus.Patience)
	defer cancel()
	return run(&admin{&kafka.Client{Addr: kafka.TCP(t.Address)}, ctx})
}

func (a *admin) Create(topic string, partitions int, retention string) error {
	created, err := a.CreateTopics(a.ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: topic, NumPartitions: partitions, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: retention}}}}})
	if err != nil {
		return err
	}
	return created.Errors[topic]
}

func (a *admin) IsExisting(err error) bool { return errors.Is(err, kafka.TopicAlreadyExists) }

// Over a transport of its own: one that knows metadata answers from it for some seconds.
func (a *admin) Topics() (map[string]int, error) {
	fresh := kafka.Client{Addr: a.Addr, Transport: &kafka.Transport{}}
	found, err := fresh.Metadata(a.ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, topic := range found.Topics {
		err = errors.Join(err, topic.Error)
		for _, p := range topic.Partitions {
			err = errors.Join(err, p.Error)
		}
		counts[topic.Name] = len(topic.Partitions)
	}
	return counts, err
}

func address(b kafka.Broker) string { return fmt.Sprintf("%s:%d", b.Host, b.Port) }

func (a *admin) Cluster() (addresses []string, controller string, err error) {
	found, err := a.Metadata(a.ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, "", err
	}
	for _, broker := range found.Brokers {
		addresses = append(addresses, address(broker))
	}
	return addresses, address(found.Controller), nil
}

func (a *admin) Retention(topic string) (string, error) {
	found, err := a.DescribeConfigs(a.ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{"retention.ms"}}}})
	if err != nil || len(found.Resources[0].ConfigEntries) != 1 {
		return "", err
	}
	return found.Resources[0].ConfigEntries[0].ConfigValue, found.Resources[0].Error
}

func (a *admin) SetRetention(topic, ms string) error {
	done, err := a.IncrementalAlterConfigs(a.ctx, &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{{
				Name: "retention.ms", Value: ms, ConfigOperation: kafka.ConfigOperationSet}}}}})
	if err != nil {
		return err
	}
	return done.Resources[0].Error
}

func (a *admin) Grow(topic string, partitions int) error {
	grown, err := a.CreatePartitions(a.ctx, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: int32(partitions)}}})
	if err != nil {
		return err
	}
	return grown.Errors[topic]
}

func (a *admin) list(topic string, requests ...kafka.OffsetRequest) (kafka.PartitionOffsets, error) {
	found, err := a.ListOffsets(a.ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: requests}})
	if err != nil {
		return kafka.PartitionOffsets{}, err
	}
	return found.Topics[topic][0], found.Topics[topic][0].Error
}

func (a *admin) Bounds(topic string) (first, end int64, err error) {
	found, err := a.list(topic, kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0))
	return found.FirstOffset, found.LastOffset, err
}

// The offset of the first record that is not older; -1 if there is none.
func (a *admin) after(topic string, at time.Time) (int64, error) {
	found, err := a.list(topic, kafka.TimeOffsetOf(0, at))
	for offset := range found.Offsets {
		return offset, err
	}
	return -1, err
}

func (a *admin) Truncate(string, int64) error { return errors.ErrUnsupported }

func (a *admin) Delete(topic string) error {
	deleted, err := a.DeleteTopics(a.ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil {
		return err
	}
	return deleted.Errors[topic]
}
