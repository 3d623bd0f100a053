"""Schedules that fire: when they are due, and what they start then."""
