// SPDX-License-Identifier: Apache-2.0

// franz-go as a member of a group; members.py tells what a member says.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"peers/member"
)

func told(what string, task member.Task) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		member.Partitions(what, partitions[task.Topic])
	}
}

// What was polled is read by then, since a rebalance waits for that.
func revoked(task member.Task) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
		if err := client.CommitUncommittedOffsets(ctx); err != nil {
			member.Say("# commit", err)
		}
		told("revoked", task)(ctx, client, partitions)
	}
}

func strategy(task member.Task) ([]kgo.Opt, error) {
	switch task.Strategy {
	case "range":
		return []kgo.Opt{kgo.Balancers(kgo.RangeBalancer())}, nil
	case "cooperative-sticky":
		return []kgo.Opt{kgo.Balancers(kgo.CooperativeStickyBalancer())}, nil
	case "consumer":
		return []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer())}, nil
	}
	return nil, fmt.Errorf("no strategy %s", task.Strategy)
}

func run(ctx context.Context, task member.Task) error {
	options, err := strategy(task)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(task.Address), kgo.ConsumerGroup(task.Group),
		kgo.ConsumeTopics(task.Topic), kgo.SessionTimeout(task.Session),
		kgo.HeartbeatInterval(task.Session/6), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.OnPartitionsAssigned(told("assigned", task)), kgo.OnPartitionsRevoked(revoked(task)),
		kgo.OnPartitionsLost(told("lost", task)))...)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		for record := range client.PollRecords(ctx, 100).RecordsAll() {
			member.Say("read", record.Partition, record.Offset)
		}
		client.AllowRebalance()
	}
	client.CloseAllowingRebalance()
	return nil
}

func main() { member.Main(run) }
