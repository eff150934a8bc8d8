// SPDX-License-Identifier: Apache-2.0

// sarama as a member of a group; members.py tells what a member says.
package main

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"peers/member"
)

type handler struct{ topic string }

func (h *handler) Setup(session sarama.ConsumerGroupSession) error {
	member.Partitions("assigned", session.Claims()[h.topic])
	return nil
}

func (h *handler) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	member.Partitions("revoked", session.Claims()[h.topic])
	return nil
}

func (h *handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, more := <-claim.Messages():
			if !more {
				return nil
			}
			member.Say("read", message.Partition, message.Offset)
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func run(ctx context.Context, task member.Task) error {
	config := sarama.NewConfig()
	config.Consumer.Group.Session.Timeout = task.Session
	config.Consumer.Group.Heartbeat.Interval = task.Session / 6
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	group, err := sarama.NewConsumerGroup([]string{task.Address}, task.Group, config)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{task.Topic}, &handler{task.Topic}); err != nil {
			member.Say("# consume", err)
		}
	}
	return group.Close()
}

func main() { member.Main(run) }
