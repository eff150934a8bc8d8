/* SPDX-License-Identifier: Apache-2.0 */

import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;

/** Every key of Kafka's clients as "HANDLE KEY=DEFAULT"; no default: unset. */
public class Defaults {
    public static void main(String[] args) {
        print("producer", ProducerConfig.configDef());
        print("consumer", ConsumerConfig.configDef());
        print("admin", AdminClientConfig.configDef());
    }

    private static void print(String handle, ConfigDef keys) {
        keys.names().forEach(key -> {
            Object value = keys.defaultValues().get(key);
            boolean unset = value == null || value == ConfigDef.NO_DEFAULT_VALUE || value.toString().equals("[]");
            System.out.println(handle + " " + key + "=" + (unset ? "" : value));
        });
    }
}
