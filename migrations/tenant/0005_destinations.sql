CREATE TABLE `deliveries` (
	`id` text PRIMARY KEY NOT NULL,
	`destination_id` text NOT NULL,
	`event_id` text NOT NULL,
	`type` text NOT NULL,
	`sample` text,
	`status` text NOT NULL,
	`attempts` integer NOT NULL,
	`tries` integer NOT NULL,
	`leases` integer DEFAULT 0 NOT NULL,
	`due_at` integer,
	`lease` text,
	`response_status` integer,
	`last_error` text,
	`created_at` integer NOT NULL,
	`ended_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `deliveries_event` ON `deliveries` (`destination_id`,`event_id`);--> statement-breakpoint
CREATE INDEX `deliveries_due` ON `deliveries` (`destination_id`,`due_at`);--> statement-breakpoint
CREATE INDEX `deliveries_lease` ON `deliveries` (`lease`);--> statement-breakpoint
CREATE INDEX `deliveries_destination` ON `deliveries` (`destination_id`,`id`);--> statement-breakpoint
CREATE INDEX `deliveries_status` ON `deliveries` (`destination_id`,`status`,`id`);--> statement-breakpoint
CREATE INDEX `deliveries_type` ON `deliveries` (`destination_id`,`type`,`id`);--> statement-breakpoint
CREATE INDEX `deliveries_ended` ON `deliveries` (`ended_at`);--> statement-breakpoint
CREATE TABLE `delivery_attempts` (
	`delivery_id` text NOT NULL,
	`number` integer NOT NULL,
	`lease` text NOT NULL,
	`started_at` integer NOT NULL,
	`ended_at` integer,
	`outcome` text,
	`response_status` integer,
	`duration_ms` integer,
	`error` text,
	`response_text` text,
	PRIMARY KEY(`delivery_id`, `number`)
);
--> statement-breakpoint
CREATE TABLE `delivery_drain` (
	`singleton` integer PRIMARY KEY DEFAULT 1 NOT NULL,
	`chain` text,
	`chain_until` integer NOT NULL,
	`retry_rung_for` integer
);
--> statement-breakpoint
CREATE TABLE `destination_secrets` (
	`id` text PRIMARY KEY NOT NULL,
	`destination_id` text NOT NULL,
	`sealed` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer
);
--> statement-breakpoint
CREATE INDEX `destination_secrets_destination` ON `destination_secrets` (`destination_id`);--> statement-breakpoint
CREATE INDEX `destination_secrets_expires_at` ON `destination_secrets` (`expires_at`);--> statement-breakpoint
CREATE TABLE `destinations` (
	`id` text PRIMARY KEY NOT NULL,
	`url` text NOT NULL,
	`description` text,
	`event_types` text,
	`status` text NOT NULL,
	`disabled_reason` text,
	`disabled_at` integer,
	`failing_since` integer,
	`failures` integer DEFAULT 0 NOT NULL,
	`failure_counted_at` integer,
	`paused_until` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL,
	`deleted_at` integer
);
