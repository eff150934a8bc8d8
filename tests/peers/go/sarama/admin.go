// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/IBM/sarama"

	"peers/corpus"
)

type admin struct {
	sarama.ClusterAdmin
	client sarama.Client
}

func administer(t *corpus.Task) error {
	client, err := sarama.NewClient([]string{t.Address}, configure(t))
	if err != nil {
		return err
	}
	defer client.Close()
	cluster, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return err
	}
	return t.Administer(&admin{cluster, client})
}

func (a *admin) Create(topic string, partitions int, retention string) error {
	return a.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: int32(partitions), ReplicationFactor: 1,
		ConfigEntries: map[string]*string{"retention.ms": &retention}}, false)
}

func (a *admin) IsExisting(err error) bool { return errors.Is(err, sarama.ErrTopicAlreadyExists) }

func (a *admin) Topics() (map[string]int, error) {
	topics, err := a.ListTopics()
	counts := map[string]int{}
	for name := range topics {
		described, err := a.DescribeTopics([]string{name})
		if err != nil {
			return nil, err
		}
		for _, p := range described[0].Partitions {
			if p.Err != sarama.ErrNoError {
				return nil, p.Err
			}
		}
		counts[name] = len(described[0].Partitions)
	}
	return counts, err
}

func (a *admin) Cluster() (addresses []string, controller string, err error) {
	brokers, id, err := a.DescribeCluster()
	for _, broker := range brokers {
		addresses = append(addresses, broker.Addr())
		if broker.ID() == id {
			controller = broker.Addr()
		}
	}
	return addresses, controller, err
}

func (a *admin) Retention(topic string) (string, error) {
	entries, err := a.DescribeConfig(sarama.ConfigResource{
		Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"retention.ms"}})
	if err != nil || len(entries) != 1 {
		return "", err
	}
	return entries[0].Value, nil
}

func (a *admin) SetRetention(topic, ms string) error {
	return a.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
		"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &ms}}, false)
}

func (a *admin) Grow(topic string, partitions int) error {
	return a.CreatePartitions(topic, int32(partitions), nil, false)
}

func bounds(client sarama.Client, topic string) (first, end int64, err error) {
	first, err = client.GetOffset(topic, 0, sarama.OffsetOldest)
	end, err2 := client.GetOffset(topic, 0, sarama.OffsetNewest)
	return first, end, errors.Join(err, err2)
}

func (a *admin) Bounds(topic string) (first, end int64, err error) { return bounds(a.client, topic) }

func (a *admin) Truncate(topic string, before int64) error {
	return a.DeleteRecords(topic, map[int32]int64{0: before})
}

func (a *admin) Delete(topic string) error { return a.DeleteTopic(topic) }
