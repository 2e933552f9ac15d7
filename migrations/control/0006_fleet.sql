CREATE TABLE `cells` (
	`name` text PRIMARY KEY NOT NULL,
	`region` text,
	`open` integer NOT NULL,
	`bound` integer DEFAULT 0 NOT NULL,
	`claimable` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `tenant_databases` (
	`cell` text NOT NULL,
	`binding` text NOT NULL,
	`tenant_id` text NOT NULL,
	`state` text NOT NULL,
	`claimed_at` integer NOT NULL,
	`retired_at` integer,
	PRIMARY KEY(`cell`, `binding`)
);
--> statement-breakpoint
CREATE INDEX `tenant_databases_tenant` ON `tenant_databases` (`tenant_id`);--> statement-breakpoint
CREATE INDEX `tenant_databases_state` ON `tenant_databases` (`state`,`cell`,`binding`);--> statement-breakpoint
CREATE TABLE `migration_runs` (
	`id` text PRIMARY KEY NOT NULL,
	`state` text NOT NULL,
	`schema_version` integer NOT NULL,
	`canary` text,
	`concurrency` integer NOT NULL,
	`started_by` text NOT NULL,
	`started_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`finished_at` integer,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `migration_runs_open` ON `migration_runs` ((1)) WHERE "migration_runs"."state" IN ('canary', 'fleet');--> statement-breakpoint
CREATE TABLE `migration_targets` (
	`run_id` text NOT NULL,
	`tenant_id` text NOT NULL,
	`slug` text NOT NULL,
	`cell` text NOT NULL,
	`state` text NOT NULL,
	`lease` text,
	`claimed_until` integer,
	`tries` integer NOT NULL,
	`error` text,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`run_id`, `tenant_id`),
	FOREIGN KEY (`run_id`) REFERENCES `migration_runs`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `migration_targets_state` ON `migration_targets` (`run_id`,`state`,`cell`);--> statement-breakpoint
CREATE TABLE `tenant_imports` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`kind` text NOT NULL,
	`state` text NOT NULL,
	`cell` text NOT NULL,
	`binding` text NOT NULL,
	`schema_version` integer NOT NULL,
	`parts` integer NOT NULL,
	`rows` integer NOT NULL,
	`prior_state` text NOT NULL,
	`region` text,
	`verification` text,
	`started_by` text NOT NULL,
	`started_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`finished_at` integer,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tenant_imports_open` ON `tenant_imports` (`tenant_id`) WHERE "tenant_imports"."state" IN ('receiving', 'verified');--> statement-breakpoint
CREATE INDEX `tenant_imports_tenant` ON `tenant_imports` (`tenant_id`,`id`);--> statement-breakpoint
ALTER TABLE `tenants` ADD `region` text;--> statement-breakpoint
ALTER TABLE `job_runs` ADD `cell` text;--> statement-breakpoint
INSERT INTO `tenant_databases` (`cell`, `binding`, `tenant_id`, `state`, `claimed_at`)
SELECT `cell`, `binding`, `id`, 'serving', `created_at` FROM `tenants`;
--> statement-breakpoint
-- The release before notes its claims among the tenants alone. Whoever claims, the database stands among
-- the claimed ones; one that another tenant has, or had, is refused.
CREATE TRIGGER `tenants_database` AFTER INSERT ON `tenants`
WHEN NOT EXISTS (
  SELECT 1 FROM `tenant_databases`
  WHERE `cell` = NEW.`cell` AND `binding` = NEW.`binding` AND `tenant_id` = NEW.`id`
)
BEGIN
  INSERT INTO `tenant_databases` (`cell`, `binding`, `tenant_id`, `state`, `claimed_at`)
  VALUES (NEW.`cell`, NEW.`binding`, NEW.`id`, 'serving', NEW.`created_at`);
END;
