// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"errors"
	"fmt"
)

// Admin is what the steps are taken with. A step that the client's row does not have needs none of it.
type Admin interface {
	Create(topic string, partitions int, retention string) error
	IsExisting(error) bool
	Topics() (map[string]int, error) // how many partitions each has, every one with a leader
	Cluster() (addresses []string, controller string, err error)
	Retention(topic string) (string, error)
	SetRetention(topic, ms string) error
	Grow(topic string, partitions int) error
	Bounds(topic string) (first, end int64, err error)
	Truncate(topic string, before int64) error
	Delete(topic string) error
}

type story struct {
	Admin
	task *Task
	made string
}

// Administer takes the steps that the command line names; exchange.py says what each does.
func (t *Task) Administer(admin Admin) error {
	s := story{admin, t, t.Topic + "-new"}
	steps := map[string]func() error{
		"create": s.create, "describe": s.describe, "cluster": s.cluster, "configs": s.configs, "alter": s.alter,
		"grow": s.grow, "offsets": s.offsets, "truncate": s.truncate, "delete": s.remove,
	}
	for _, name := range t.Steps {
		step, known := steps[name]
		if !known {
			return errors.New("no such step: " + name)
		}
		if err := step(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (s *story) create() error {
	if err := s.Create(s.made, 3, "3600000"); err != nil {
		return err
	}
	if again := s.Create(s.made, 3, "3600000"); !s.IsExisting(again) {
		return fmt.Errorf("again: %v", again)
	}
	return nil
}

func (s *story) partitions(want int) error {
	topics, err := s.Topics()
	return errors.Join(err, expect("partitions", topics[s.made], want), expect("partitions", topics[s.task.Topic], 1))
}

func (s *story) describe() error { return s.partitions(3) }

func (s *story) cluster() error {
	addresses, controller, err := s.Cluster()
	return errors.Join(err, expect("brokers", fmt.Sprint(addresses), fmt.Sprint([]string{s.task.Address})),
		expect("controller", controller, s.task.Address))
}

func (s *story) retention(want string) error {
	got, err := s.Retention(s.made)
	return errors.Join(err, expect("retention.ms", got, want))
}

func (s *story) configs() error { return s.retention("3600000") }

func (s *story) alter() error {
	return errors.Join(s.SetRetention(s.made, "7200000"), s.retention("7200000"))
}

func (s *story) grow() error { return errors.Join(s.Grow(s.made, 5), s.partitions(5)) }

func (s *story) bounds(wantFirst int64) error {
	first, end, err := s.Bounds(s.task.Topic)
	return errors.Join(err, expect("first", first, wantFirst), expect("end", end, int64(s.task.Total())))
}

func (s *story) offsets() error { return s.bounds(0) }

func (s *story) truncate() error { return errors.Join(s.Truncate(s.task.Topic, 10), s.bounds(10)) }

func (s *story) remove() error {
	if err := s.Delete(s.made); err != nil {
		return err
	}
	topics, err := s.Topics()
	_, listed := topics[s.made]
	return errors.Join(err, expect("still listed", listed, false))
}

func expect[T comparable](what string, got, want T) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%s: %v instead of %v", what, got, want)
}
