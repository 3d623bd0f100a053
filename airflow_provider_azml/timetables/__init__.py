"""When DAGs run: the recurrences and cron expressions of Azure ML's schedules."""
