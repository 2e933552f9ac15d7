CREATE TABLE `metric_samples` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`metric` text NOT NULL,
	`value` real NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `signal_rules` (
	`id` text PRIMARY KEY NOT NULL,
	`metric` text NOT NULL,
	`operator` text NOT NULL,
	`threshold` real NOT NULL,
	`duration_seconds` integer NOT NULL,
	`severity` text NOT NULL,
	`active` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL,
	`breached_since` integer,
	`last_sample_at` integer,
	`state_version` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE INDEX `signal_rules_metric` ON `signal_rules` (`metric`,`active`);--> statement-breakpoint
CREATE TABLE `signal_changes` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`signal_id` text NOT NULL,
	`change` text NOT NULL,
	`occurred_at` integer NOT NULL,
	FOREIGN KEY (`signal_id`) REFERENCES `signals`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `signal_changes_signal` ON `signal_changes` (`signal_id`);--> statement-breakpoint
CREATE TABLE `signals` (
	`id` text PRIMARY KEY NOT NULL,
	`source` text NOT NULL,
	`kind` text NOT NULL,
	`severity` text NOT NULL,
	`status` text NOT NULL,
	`title` text NOT NULL,
	`description` text,
	`response_time_ms` real,
	`error_rate_percent` real,
	`downtime_minutes` real,
	`metric` text,
	`metric_value` real,
	`rule_id` text,
	`risk_score` real NOT NULL,
	`dedupe_key` text,
	`occurrences` integer NOT NULL,
	`last_seen_at` integer NOT NULL,
	`assignee_id` text,
	`opened_at` integer NOT NULL,
	`acknowledged_at` integer,
	`acknowledged_by` text,
	`resolved_at` integer,
	`resolved_by` text,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `signals_status` ON `signals` (`status`,`id`);--> statement-breakpoint
CREATE INDEX `signals_severity` ON `signals` (`severity`,`id`);--> statement-breakpoint
CREATE INDEX `signals_source` ON `signals` (`source`,`id`);--> statement-breakpoint
CREATE INDEX `signals_risk` ON `signals` (`risk_score`,`id`);--> statement-breakpoint
CREATE INDEX `signals_status_risk` ON `signals` (`status`,`risk_score`,`id`);--> statement-breakpoint
CREATE INDEX `signals_severity_risk` ON `signals` (`severity`,`risk_score`,`id`);--> statement-breakpoint
CREATE INDEX `signals_source_risk` ON `signals` (`source`,`risk_score`,`id`);--> statement-breakpoint
CREATE INDEX `signals_assignee` ON `signals` (`assignee_id`,`id`) WHERE assignee_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `signals_assignee_risk` ON `signals` (`assignee_id`,`risk_score`,`id`) WHERE assignee_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `signals_resolved` ON `signals` (`resolved_at`) WHERE resolved_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `signals_kind` ON `signals` (`kind`,`opened_at`) WHERE resolved_at IS NULL;--> statement-breakpoint
CREATE UNIQUE INDEX `signals_dedupe` ON `signals` (`dedupe_key`) WHERE resolved_at IS NULL;--> statement-breakpoint
CREATE INDEX `signals_opened` ON `signals` (`opened_at`);--> statement-breakpoint
CREATE INDEX `signals_downtime` ON `signals` (`opened_at`,`downtime_minutes`) WHERE downtime_minutes IS NOT NULL;--> statement-breakpoint
CREATE INDEX `signals_unseen` ON `signals` (`last_seen_at`) WHERE resolved_at IS NULL AND severity = 'low';--> statement-breakpoint
CREATE INDEX `signals_told` ON `signals` (`dedupe_key`,`resolved_at`) WHERE resolved_at IS NOT NULL AND dedupe_key IS NOT NULL;