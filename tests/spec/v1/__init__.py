"""Tests of the files of the retired generation."""
