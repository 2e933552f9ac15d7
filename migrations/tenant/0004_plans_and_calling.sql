ALTER TABLE `realm` ADD `plan` text DEFAULT 'standard' NOT NULL;--> statement-breakpoint
ALTER TABLE `realm` ADD `limits` text;--> statement-breakpoint
ALTER TABLE `services` ADD `api` text;--> statement-breakpoint
ALTER TABLE `services` ADD `api_credential` text;--> statement-breakpoint
ALTER TABLE `services` ADD `api_credential_id` text;--> statement-breakpoint
ALTER TABLE `services` ADD `breaker_mode` text DEFAULT 'automatic' NOT NULL;--> statement-breakpoint
ALTER TABLE `services` ADD `breaker_version` integer DEFAULT 0 NOT NULL;