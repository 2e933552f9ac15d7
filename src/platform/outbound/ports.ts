/** Ports from 1024 up that no web server has. Lower ones but the web's own are closed anyway. */

/** "Bad ports" of the Fetch standard (https://fetch.spec.whatwg.org/#port-blocking), from 1024 up. */
const OF_FETCH = [
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
  6679, 6697, 10080,
];
/** Databases, caches, queues and consoles of machines: what is behind them often asks for no key. */
const OF_STORES = [
  1433, // SQL Server
  1521, // Oracle
  1883, // MQTT
  2181, // ZooKeeper
  2375, // Docker
  2376,
  2379, // etcd
  2380,
  3306, // MySQL
  3389, // Remote Desktop
  4222, // NATS
  5432, // PostgreSQL
  5672, // AMQP
  5900, // VNC
  5984, // CouchDB
  5985, // WinRM
  5986,
  6379, // Redis
  6443, // Kubernetes
  7000, // Cassandra
  7001,
  8086, // InfluxDB
  8500, // Consul
  9042, // Cassandra
  9092, // Kafka
  9200, // Elasticsearch
  9300,
  10250, // kubelet
  10255,
  11211, // memcached
  15672, // RabbitMQ
  26257, // CockroachDB
  27017, // MongoDB
  27018,
  50000, // Db2
];

export const BLOCKED_PORTS: ReadonlySet<number> = new Set([...OF_FETCH, ...OF_STORES]);
