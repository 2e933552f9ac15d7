CREATE TABLE `actors` (
	`id` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL,
	`name` text NOT NULL,
	`active` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `actors_type` ON `actors` (`type`,`id`);--> statement-breakpoint
CREATE INDEX `actors_active` ON `actors` (`active`,`id`);--> statement-breakpoint
ALTER TABLE `realm` ADD `sla_response_time_ms` integer DEFAULT 800 NOT NULL;--> statement-breakpoint
ALTER TABLE `realm` ADD `sla_error_rate_percent` real DEFAULT 2 NOT NULL;--> statement-breakpoint
ALTER TABLE `realm` ADD `sla_downtime_minutes` real DEFAULT 5 NOT NULL;--> statement-breakpoint
ALTER TABLE `realm` ADD `evaluation_window_minutes` integer DEFAULT 3 NOT NULL;--> statement-breakpoint
ALTER TABLE `events` ADD `actor_id` text REFERENCES actors(id);--> statement-breakpoint
CREATE INDEX `events_actor` ON `events` (`actor_id`,`id`);--> statement-breakpoint
CREATE INDEX `events_actor_time` ON `events` (`actor_id`,`occurred_at`);--> statement-breakpoint
CREATE INDEX `events_type_time` ON `events` (`type`,`occurred_at`);--> statement-breakpoint
CREATE INDEX `webhook_events_dead` ON `webhook_events` (`service`,`buried_at`) WHERE status = 'dead_letter';