//! Requests about topics.
#![expect(unsafe_code, reason = "FFI to librdkafka; each block states why it is sound")]

use std::ffi::{CStr, c_char};

use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;
use sys::rd_kafka_resp_err_t as RespErr;

use super::{
    Connection, ERROR_TEXT_BYTES, Failure, Owned, TopicSpec, check, check_object, copy_text, elements,
};

impl Connection<'_> {
    pub(in crate::kafka::admin) fn create_topic(&self, spec: &TopicSpec) -> Result<(), Failure> {
        let mut text = [0 as c_char; ERROR_TEXT_BYTES];
        // SAFETY: name and buffer are live; librdkafka ends the text within the buffer.
        let topic = unsafe {
            let (name, room) = (spec.name.as_ptr(), text.len());
            sys::rd_kafka_NewTopic_new(name, spec.partitions, spec.replication, text.as_mut_ptr(), room)
        };
        if topic.is_null() {
            // SAFETY: librdkafka wrote a text when it returned null.
            let reason = unsafe { copy_text(text.as_ptr()) };
            return Err(Failure::Code(Code::InvalidArgument, reason));
        }
        let mut topic = Owned(topic, sys::rd_kafka_NewTopic_destroy);
        for (name, value) in &spec.configs {
            // SAFETY: all pointers are live; the texts are copied.
            check(unsafe { sys::rd_kafka_NewTopic_set_config(topic.0, name.as_ptr(), value.as_ptr()) })?;
        }
        // SAFETY: all pointers are live for the call, which copies the request.
        let event = self.submit(|options, queue| unsafe {
            sys::rd_kafka_CreateTopics(self.handle, &mut topic.0, 1, options, queue);
        })?;
        // SAFETY: the event is of the type of the request and owns the topics and their texts.
        unsafe {
            let (result, mut count) = (sys::rd_kafka_event_CreateTopics_result(event.0), 0);
            let topics = sys::rd_kafka_CreateTopics_result_topics(result, &mut count);
            for topic in elements(topics, count) {
                let code = sys::rd_kafka_topic_result_error(*topic);
                if code != RespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                    let reason = copy_text(sys::rd_kafka_topic_result_error_string(*topic));
                    return Err(Failure::Code(code.into(), reason));
                }
            }
        }
        Ok(())
    }

    /// Returns the replication factor of each partition of a topic.
    pub(in crate::kafka::admin) fn describe_topic(&self, topic: &CStr) -> Result<Vec<usize>, Failure> {
        let mut names = [topic.as_ptr()];
        // SAFETY: the text is live and copied. The guard owns the object.
        let topics = unsafe { sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1) };
        let topics = Owned(topics, sys::rd_kafka_TopicCollection_destroy);
        // SAFETY: all pointers are live for the call, which copies the request.
        let event = self.submit(|options, queue| unsafe {
            sys::rd_kafka_DescribeTopics(self.handle, topics.0, options, queue);
        })?;
        let mut replicas = Vec::new();
        // SAFETY: the event is of the type of the request and owns the descriptions and all they hold.
        unsafe {
            let (result, mut count) = (sys::rd_kafka_event_DescribeTopics_result(event.0), 0);
            let descriptions = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
            for description in elements(descriptions, count) {
                check_object(sys::rd_kafka_TopicDescription_error(*description))?;
                let partitions = sys::rd_kafka_TopicDescription_partitions(*description, &mut count);
                for partition in elements(partitions, count) {
                    let mut nodes = 0;
                    sys::rd_kafka_TopicPartitionInfo_replicas(*partition, &mut nodes);
                    replicas.push(nodes);
                }
            }
        }
        Ok(replicas)
    }

    /// Returns names and effective values of the settings of a topic; those that are secret are left out.
    pub(in crate::kafka::admin) fn describe_topic_configs(
        &self,
        topic: &CStr,
    ) -> Result<Vec<(String, String)>, Failure> {
        let kind = sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
        // SAFETY: the text is live and copied. The guard owns the object.
        let resource = unsafe { sys::rd_kafka_ConfigResource_new(kind, topic.as_ptr()) };
        let mut resource = Owned(resource, sys::rd_kafka_ConfigResource_destroy);
        // SAFETY: all pointers are live for the call, which copies the request.
        let event = self.submit(|options, queue| unsafe {
            sys::rd_kafka_DescribeConfigs(self.handle, &mut resource.0, 1, options, queue);
        })?;
        let mut configs = Vec::new();
        // SAFETY: the event is of the type of the request and owns the resources and their texts.
        unsafe {
            let (result, mut count) = (sys::rd_kafka_event_DescribeConfigs_result(event.0), 0);
            let resources = sys::rd_kafka_DescribeConfigs_result_resources(result, &mut count);
            for resource in elements(resources, count) {
                let code = sys::rd_kafka_ConfigResource_error(*resource);
                if code != RespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                    let reason = copy_text(sys::rd_kafka_ConfigResource_error_string(*resource));
                    return Err(Failure::Code(code.into(), reason));
                }
                let entries = sys::rd_kafka_ConfigResource_configs(*resource, &mut count);
                for entry in elements(entries, count) {
                    let value = sys::rd_kafka_ConfigEntry_value(*entry);
                    if !value.is_null() {
                        configs.push((copy_text(sys::rd_kafka_ConfigEntry_name(*entry)), copy_text(value)));
                    }
                }
            }
        }
        Ok(configs)
    }
}
