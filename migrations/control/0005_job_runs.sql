CREATE TABLE `job_failures` (
	`run_id` text NOT NULL,
	`tenant_id` text NOT NULL,
	`slug` text NOT NULL,
	`chores` text NOT NULL,
	`error` text NOT NULL,
	`tries` integer NOT NULL,
	`failed_at` integer NOT NULL,
	PRIMARY KEY(`run_id`, `tenant_id`),
	FOREIGN KEY (`run_id`) REFERENCES `job_runs`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `job_runs` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`status` text NOT NULL,
	`started_at` integer NOT NULL,
	`finished_at` integer,
	`tenants` integer,
	`done` integer NOT NULL,
	`failed` integer NOT NULL,
	`marks` text DEFAULT '' NOT NULL,
	`attempt` integer DEFAULT 1 NOT NULL,
	`resumes` text,
	`resume_after` text,
	`error` text
);
--> statement-breakpoint
CREATE INDEX `job_runs_name` ON `job_runs` (`name`,`id`);--> statement-breakpoint
CREATE INDEX `job_runs_status` ON `job_runs` (`status`,`id`);--> statement-breakpoint
ALTER TABLE `realm` ADD `sla_response_time_ms` integer DEFAULT 800 NOT NULL;--> statement-breakpoint
ALTER TABLE `realm` ADD `sla_error_rate_percent` real DEFAULT 2 NOT NULL;--> statement-breakpoint
ALTER TABLE `realm` ADD `sla_downtime_minutes` real DEFAULT 5 NOT NULL;--> statement-breakpoint
ALTER TABLE `realm` ADD `evaluation_window_minutes` integer DEFAULT 3 NOT NULL;