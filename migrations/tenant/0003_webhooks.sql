CREATE TABLE `events` (
	`id` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL,
	`source` text NOT NULL,
	`source_id` text NOT NULL,
	`subject` text,
	`occurred_at` integer NOT NULL,
	`recorded_at` integer NOT NULL,
	`metadata` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `events_type` ON `events` (`type`,`id`);--> statement-breakpoint
CREATE INDEX `events_source_id` ON `events` (`source_id`);--> statement-breakpoint
CREATE INDEX `events_subject` ON `events` (`subject`,`id`);--> statement-breakpoint
CREATE INDEX `events_told` ON `events` (`source`,`subject`,`type`);--> statement-breakpoint
CREATE INDEX `events_occurred_at` ON `events` (`occurred_at`);--> statement-breakpoint
CREATE TABLE `webhook_attempts` (
	`event_id` text NOT NULL,
	`number` integer NOT NULL,
	`lease` text NOT NULL,
	`started_at` integer NOT NULL,
	`ended_at` integer,
	`outcome` text,
	`error` text,
	PRIMARY KEY(`event_id`, `number`)
);
--> statement-breakpoint
CREATE TABLE `webhook_batches` (
	`service` text NOT NULL,
	`key` text NOT NULL,
	`received_at` integer NOT NULL,
	PRIMARY KEY(`service`, `key`)
);
--> statement-breakpoint
CREATE INDEX `webhook_batches_received_at` ON `webhook_batches` (`received_at`);--> statement-breakpoint
CREATE TABLE `webhook_drain` (
	`singleton` integer PRIMARY KEY DEFAULT 1 NOT NULL,
	`chain` text,
	`chain_until` integer NOT NULL,
	`retry_rung_for` integer,
	`seen_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `webhook_events` (
	`id` text PRIMARY KEY NOT NULL,
	`service` text NOT NULL,
	`type` text NOT NULL,
	`provider_id` text,
	`dedupe_key` text NOT NULL,
	`conflicting` integer NOT NULL,
	`test` integer NOT NULL,
	`status` text NOT NULL,
	`replay` integer NOT NULL,
	`attempts` integer NOT NULL,
	`attempts_left` integer NOT NULL,
	`max_attempts` integer NOT NULL,
	`due_at` integer,
	`lease` text,
	`last_error` text,
	`size` integer NOT NULL,
	`received_at` integer NOT NULL,
	`ended_at` integer,
	`told_at` integer,
	`buried_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `webhook_events_dedupe` ON `webhook_events` (`service`,`dedupe_key`);--> statement-breakpoint
CREATE INDEX `webhook_events_provider_id` ON `webhook_events` (`service`,`provider_id`);--> statement-breakpoint
CREATE INDEX `webhook_events_due` ON `webhook_events` (`replay`,`due_at`);--> statement-breakpoint
CREATE INDEX `webhook_events_lease` ON `webhook_events` (`lease`);--> statement-breakpoint
CREATE INDEX `webhook_events_status` ON `webhook_events` (`status`,`id`);--> statement-breakpoint
CREATE INDEX `webhook_events_service` ON `webhook_events` (`service`,`id`);--> statement-breakpoint
CREATE INDEX `webhook_events_type` ON `webhook_events` (`type`,`id`);--> statement-breakpoint
CREATE INDEX `webhook_events_ended` ON `webhook_events` (`status`,`ended_at`);--> statement-breakpoint
CREATE INDEX `webhook_events_unburied` ON `webhook_events` (`told_at`) WHERE status = 'dead_letter' AND buried_at IS NULL;--> statement-breakpoint
CREATE TABLE `webhook_payloads` (
	`event_id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`content_type` text NOT NULL,
	`text` text,
	`bytes` blob
);
--> statement-breakpoint
CREATE TABLE `webhook_rejections` (
	`hour` integer NOT NULL,
	`service` text NOT NULL,
	`reason` text NOT NULL,
	`count` integer NOT NULL,
	`first_at` integer NOT NULL,
	`last_at` integer NOT NULL,
	PRIMARY KEY(`hour`, `service`, `reason`)
);
