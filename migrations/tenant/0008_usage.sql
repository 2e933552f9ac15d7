CREATE TABLE `usage` (
	`month` text PRIMARY KEY NOT NULL,
	`events` integer NOT NULL
);
